"""Reasons from hand-made outputs, whose decisions are known."""

import math

import pytest
import torch

from glip_pl.boxes import encode
from glip_pl.errors import UserError
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.prompt_output import PromptOutput
from glip_pl.inference.why_not import Reason, Search, expected_box, why_not
from glip_pl.types import Output
from tests.inference.test_decoding import SIDE, batch, output

MASKS = torch.tensor([[True, True, False], [False, False, True]])
"""Two phrases of two words and one."""

BOX = torch.tensor([8.0, 4.0, 27.0, 31.0])
"""With both end pixels, in pixels of the input; the picture on disk is twice as large."""


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def put(out: Output, anchor: int, box: torch.Tensor, *probabilities: float) -> None:
    """Have an anchor predict a box, with these probabilities of the three words."""
    out.deltas[0, anchor] = encode(box, out.anchors[anchor])
    out.alignment[0, anchor] = torch.tensor([logit(one) for one in probabilities])


def asked(
    out: Output, phrase: int = 0, box: torch.Tensor = BOX, decoder: Decoder | None = None,
    max_boxes: int = 100,
) -> Reason:  # fmt: skip
    decoder = decoder or Decoder()
    part = PromptOutput(out, 5, MASKS, ("red", "star", "cat"), torch.eye(3, dtype=torch.bool))
    (found,) = decoder(out, batch(MASKS))
    shown = found.above(0.3).most_likely(max_boxes)
    shown = type(shown)(shown.boxes, shown.scores, shown.phrase_ids + 5, shown.anchors)
    size = (SIDE, SIDE - 4)
    search = Search(decoder, size, (2 * SIDE, 2 * (SIDE - 4)), 0.3, max_boxes, shown)
    return why_not(part, phrase, "red star", 2 * box, search)


def test_a_found_box_has_the_words_of_its_anchor() -> None:
    out = output(words=3)
    out.centerness[0, 9] = logit(0.5)
    put(out, 9, BOX, 0.9, 0.7, 0.2)
    reason = asked(out)
    assert reason.rule == "found" and reason.anchor == 9
    assert dict(reason.word_scores) == pytest.approx({"red": 0.9, "star": 0.7})
    assert reason.phrase_score == pytest.approx(0.8)  # the mean of its words
    assert reason.centerness == pytest.approx(0.5)
    assert reason.score == pytest.approx(math.sqrt(0.8 * 0.5))
    assert reason.iou == pytest.approx(1.0)
    assert reason.box == pytest.approx((16, 8, 55, 63))
    assert "'red star' at [16, 8, 55, 63]: found, with score 0.63." in str(reason)
    assert "words: red 0.90, star 0.70; phrase 0.80, centerness 0.50" in str(reason)


def test_a_place_where_no_anchor_predicts_a_box() -> None:
    out = output(words=3)
    out.deltas[0, :, 2:] = -20.0  # tiny boxes
    put(out, 9, BOX + torch.tensor([16.0, 0, 16, 0]), 0.9, 0.9, 0.9)
    reason = asked(out)
    assert reason.rule == "place" and reason.anchor == 9
    assert reason.iou == pytest.approx(4 / 36)
    assert "no anchor predicts a box with an IoU of 0.5 or more" in reason.text


def test_a_phrase_that_scores_too_low_for_the_decoder() -> None:
    out = output(words=3)
    put(out, 9, BOX, 0.06, 0.02, 0.9)
    reason = asked(out)
    assert reason.rule == "phrase" and reason.phrase_score == pytest.approx(0.04)
    assert "0.040, not above 0.05 (score_threshold" in reason.text
    assert asked(out, phrase=1).rule == "found"


def test_too_many_better_candidates_of_its_level() -> None:
    out = output(words=3)
    put(out, 9, BOX, 0.5, 0.5, 0.1)
    for anchor in (20, 21):
        put(out, anchor, torch.tensor([40.0, 40.0, 50.0, 50.0]), 0.9, 0.9, 0.1)
    reason = asked(out, decoder=Decoder(candidates_per_level=2))
    assert reason.rule == "candidates" and "2 others of its level" in reason.text
    assert asked(out).rule == "found"


def test_a_score_at_the_threshold_is_not_shown() -> None:
    out = output(words=3)
    put(out, 9, BOX, 0.08, 0.08, 0.9)
    reason = asked(out)
    assert reason.rule == "threshold" and reason.score == pytest.approx(math.sqrt(0.08), abs=1e-4)
    assert "0.283 is not above 0.3 (threshold)" in reason.text


def test_a_better_box_of_the_same_phrase_suppresses() -> None:
    out = output(words=3)
    put(out, 9, BOX, 0.6, 0.6, 0.9)
    better = torch.tensor([8.0, 4.0, 27.0, 49.0])  # 20 x 46 over 20 x 28: IoU 28 / 46
    put(out, 10, better, 0.8, 0.8, 0.1)
    put(out, 11, BOX, 0.1, 0.1, 0.1)  # not the best for it
    narrow = BOX - torch.tensor([0.0, 0, 1, 9])
    reason = asked(out, box=narrow)
    assert reason.rule == "overlap" and reason.anchor == 9
    assert reason.rival == pytest.approx((16, 8, 55, 99))
    assert reason.rival_iou == pytest.approx(28 / 46)
    assert reason.rival_score == pytest.approx(math.sqrt(0.8), abs=1e-4)
    assert "suppressed by the better box [16, 8, 55, 99]" in reason.text
    assert "score 0.89, which overlaps it with an IoU of 0.61, above 0.6 (nms_iou" in reason.text
    assert asked(out, phrase=1, box=narrow).rule == "found"  # other phrases suppress nothing


def test_too_many_boxes_of_the_picture_score_higher() -> None:
    out = output(words=3)
    put(out, 9, BOX, 0.5, 0.5, 0.1)
    put(out, 20, torch.tensor([40.0, 40.0, 50.0, 50.0]), 0.9, 0.9, 0.1)
    reason = asked(out, max_boxes=1)
    assert reason.rule == "limit" and "1 boxes score higher (max_boxes)" in reason.text


@pytest.mark.parametrize(
    "box", [(1, 2, 3), (5, 5, 5, 9), (5, 9, 8, 5), (200, 5, 300, 9), (0, 0, math.nan, 5)]
)
def test_what_is_no_box_in_the_picture_is_refused(box: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match=r"no box in a picture of 120 x 80 pixels"):
        expected_box(box, (80, 120))


def test_a_persons_box_is_cut_at_the_borders() -> None:
    assert expected_box((-5, 10, 500, 20), (80, 120)).tolist() == [0, 10, 119, 19]
