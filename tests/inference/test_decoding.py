from dataclasses import replace

import torch

from glip_pl.anchors import STRIDES, pyramid_anchors
from glip_pl.boxes import encode
from glip_pl.inference.decoding import Decoder, phrase_scores
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.types import Batch, Output, Prompt

SIDE = 64


def batch(phrase_masks: torch.Tensor) -> Batch:
    words = phrase_masks.shape[1]
    return Batch(
        images=torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8),
        sizes=torch.tensor([[SIDE, SIDE - 4]]),
        original_sizes=torch.tensor([[2 * SIDE, 2 * (SIDE - 4)]]),
        tokens=torch.zeros(1, words, dtype=torch.int64),
        attention_mask=torch.ones(1, words, dtype=torch.bool),
        phrase_masks=[phrase_masks],
        boxes=[torch.zeros(0, 4)],
        phrase_ids=[torch.zeros(0, dtype=torch.int64)],
        prompts=[Prompt("", ())],
        image_ids=[0],
    )


def output(words: int) -> Output:
    shapes = [(-(-SIDE // stride), -(-SIDE // stride)) for stride in STRIDES]
    anchors = pyramid_anchors(shapes, torch.device("cpu"))
    count = len(anchors)
    return Output(
        alignment=torch.full((1, count, words), -10.0),
        deltas=torch.zeros(1, count, 4),
        centerness=torch.full((1, count), 10.0),
        anchors=anchors,
        level_sizes=tuple(height * width for height, width in shapes),
    )


def test_the_score_of_a_phrase_is_the_mean_of_its_words() -> None:
    alignment = torch.tensor([[0.0, 100.0, -100.0]])
    masks = torch.tensor([[True, True, False], [False, False, True], [False] * 3])
    assert torch.allclose(phrase_scores(alignment, masks), torch.tensor([[0.75, 0.0, 0.0]]))


def test_boxes_are_in_pixels_of_the_image_on_disk() -> None:
    out = output(words=2)
    wanted = torch.tensor([8.0, 4.0, 27.0, 31.0])
    out.deltas[0, 9] = encode(wanted, out.anchors[9])
    out.alignment[0, 9, 1] = 10.0
    (detections,) = Decoder()(out, batch(torch.eye(2, dtype=torch.bool)))
    assert detections.phrase_ids.tolist() == [1]
    torch.testing.assert_close(detections.boxes[0], wanted * 2)
    torch.testing.assert_close(float(detections.scores[0]), float(torch.tensor(10.0).sigmoid()))


def test_duplicates_are_suppressed_within_a_phrase_only() -> None:
    out = output(words=2)
    box = torch.tensor([8.0, 4.0, 27.0, 31.0])
    for anchor in (9, 10, 11):
        out.deltas[0, anchor] = encode(box, out.anchors[anchor])
        out.alignment[0, anchor] = torch.tensor([3.0, 2.0]) - anchor / 10
    (detections,) = Decoder()(out, batch(torch.eye(2, dtype=torch.bool)))
    assert detections.phrase_ids.tolist() == [0, 1]


def test_detections_know_their_anchor_and_candidates_show_what_was_suppressed() -> None:
    out = output(words=2)
    box = torch.tensor([8.0, 4.0, 27.0, 31.0])
    for anchor in (9, 10, 70):  # the last one on the second level
        out.deltas[0, anchor] = encode(box, out.anchors[anchor])
        out.alignment[0, anchor, 1] = anchor / 10
    single = batch(torch.eye(2, dtype=torch.bool))
    (detections,) = Decoder()(out, single)
    assert detections.anchors is not None and detections.anchors.tolist() == [70]
    found = Decoder().candidates(out, 0, single.phrase_masks[0], single.sizes[0])
    assert found.anchors.tolist() == [10, 9, 70] and found.phrases.tolist() == [1, 1, 1]
    torch.testing.assert_close(found.boxes, box.expand(3, 4))
    assert Decoder().unsuppressed(found).tolist() == [2]


def test_permuting_phrases_permutes_detections() -> None:
    torch.manual_seed(0)
    out = output(words=6)
    out.alignment.normal_(mean=-2)
    out.deltas.normal_()
    masks = torch.eye(6, dtype=torch.bool)
    order = torch.randperm(6)
    (straight,) = Decoder()(out, batch(masks))
    (permuted,) = Decoder()(out, batch(masks[order]))
    assert len(straight) > 20
    torch.testing.assert_close(straight.boxes, permuted.boxes)
    assert straight.phrase_ids.equal(order[permuted.phrase_ids])


def test_scores_below_the_threshold_give_no_detections() -> None:
    (detections,) = Decoder()(output(words=2), batch(torch.eye(2, dtype=torch.bool)))
    assert len(detections) == 0
    assert detections.boxes.shape == (0, 4)


def test_boxes_are_clipped_to_the_unpadded_image() -> None:
    out = output(words=1)
    out.alignment[0, 0] = 5.0
    out.deltas[0, 0] = torch.tensor([0.0, 0.0, 20.0, 20.0])
    (detections,) = Decoder()(out, batch(torch.ones(1, 1, dtype=torch.bool)))
    assert detections.boxes[0].tolist() == [0, 0, 2 * (SIDE - 5), 2 * (SIDE - 1)]


def test_the_limit_keeps_all_that_score_as_much_as_the_last_one() -> None:
    out = output(words=1)
    for anchor, logit in ((0, 3.0), (4, 2.0), (28, 1.0), (32, 1.0), (36, 0.5)):
        out.alignment[0, anchor, 0] = logit
        out.deltas[0, anchor, 2:] = -10.0  # small boxes, far apart
    single = batch(torch.ones(1, 1, dtype=torch.bool))
    counts = [len(Decoder(max_detections=limit)(out, single)[0]) for limit in (1, 2, 3, 5)]
    assert counts == [1, 2, 4, 5]


def test_exclusive_rivals_leave_one_phrase_on_a_box() -> None:
    out = output(words=2)
    box = torch.tensor([8.0, 4.0, 27.0, 31.0])
    for anchor, word, logit in ((9, 0, 3.0), (10, 1, 2.0)):
        out.deltas[0, anchor] = encode(box, out.anchors[anchor])
        out.alignment[0, anchor, word] = logit
    both = replace(
        batch(torch.eye(2, dtype=torch.bool)), prompts=[names_prompt(["red car", "blue car"])]
    )
    (found,) = Decoder()(out, both)
    assert found.phrase_ids.tolist() == [0, 1]
    (best,) = Decoder(exclusive=True)(out, both)
    assert best.phrase_ids.tolist() == [0]
