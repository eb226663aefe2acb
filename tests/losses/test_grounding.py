from dataclasses import replace
from pathlib import Path

import pytest
import torch

from glip_pl.anchors import level_shapes, pyramid_anchors
from glip_pl.boxes import encode
from glip_pl.data.collate import Collate
from glip_pl.data.dataset_factory import training_set
from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.transforms import ResizeFlip
from glip_pl.losses.assignment import atss
from glip_pl.losses.grounding import GroundingLoss
from glip_pl.losses.targets import centerness_targets, targets_of
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import MAX_TOKENS, Batch, Output, Prompt, Sample


@pytest.fixture
def batch(world: Path, tokenizer: Tokenizer, indexes: Path) -> Batch:
    reader = MdetrJson(world / "annotations/captions.json", world / "images/captions")
    dataset = training_set(reader, indexes, ResizeFlip([96], 96), tokenizer)
    return Collate(tokenizer)([dataset[index] for index in range(3)])


def outputs(batch: Batch) -> Output:
    shapes = level_shapes(*batch.images.shape[-2:])
    anchors = pyramid_anchors(shapes, torch.device("cpu"))
    size = (len(batch), len(anchors))
    return Output(
        alignment=torch.zeros(*size, batch.tokens.shape[1], requires_grad=True),
        deltas=torch.zeros(*size, 4, requires_grad=True),
        centerness=torch.zeros(*size, requires_grad=True),
        anchors=anchors,
        level_sizes=tuple(h * w for h, w in shapes),
    )


def test_perfect_predictions_cost_nothing(batch: Batch) -> None:
    out = outputs(batch)
    with torch.no_grad():
        out.alignment.fill_(-30)
        for row, boxes in enumerate(batch.boxes):
            owner = atss(boxes, out.anchors, out.level_sizes)
            for anchor in (owner >= 0).nonzero()[:, 0]:
                box = int(owner[anchor])
                out.deltas[row, anchor] = encode(boxes[box], out.anchors[anchor])
                words = batch.phrase_masks[row][batch.phrase_ids[row][box]]
                out.alignment[row, anchor, words] = 30
                out.centerness[row, anchor] = torch.logit(
                    centerness_targets(boxes[box][None], out.anchors[anchor][None]), eps=1e-6
                )
    terms = GroundingLoss()(out, batch)
    assert float(terms.alignment.detach()) < 1e-6
    assert float(terms.box.detach()) < 1e-4
    assert float(terms.total.detach()) > 0  # centerness is a cross entropy with soft targets


def test_padded_words_get_no_gradient_and_real_ones_do(batch: Batch) -> None:
    out = outputs(batch)
    terms = GroundingLoss()(out, batch)
    (gradient,) = torch.autograd.grad(terms.alignment, out.alignment)
    padded = ~batch.attention_mask[:, None].expand_as(gradient)
    assert padded.any()
    assert gradient[padded].abs().max() == 0
    assert (gradient[~padded] != 0).all()


def test_a_phrase_with_objects_without_boxes_is_learned_at_its_boxes_only(batch: Batch) -> None:
    """Where an anchor has a box of the phrase it is a positive; elsewhere it says nothing."""
    targets = targets_of(batch)
    own = torch.cat(batch.phrase_masks)[targets.phrases]  # (P, T)
    unsure = torch.zeros_like(batch.attention_mask)
    unsure[0] = batch.phrase_masks[0][0]
    out = outputs(batch)
    (plain,) = torch.autograd.grad(GroundingLoss()(out, batch).alignment, out.alignment)
    marked = replace(batch, unsure=unsure)
    (gradient,) = torch.autograd.grad(GroundingLoss()(out, marked).alignment, out.alignment)
    positive = torch.zeros_like(gradient, dtype=torch.bool)
    positive.view(-1, own.shape[1])[targets.rows] = own
    silent = unsure[:, None] & ~positive
    assert silent.any() and (positive & unsure[:, None]).any()
    assert gradient[silent].abs().max() == 0
    assert gradient[~silent].equal(plain[~silent])


def test_a_full_prompt_with_unknown_names_does_not_call_anything_no_object(
    tokenizer: Tokenizer,
) -> None:
    prompt = names_prompt(["cat"] * 200)
    sample = Sample(
        image=torch.zeros(3, 32, 32, dtype=torch.uint8),
        boxes=torch.tensor([[2.0, 2, 20, 20]]),
        phrase_ids=torch.tensor([0]),
        prompt=prompt,
        image_id=1,
        original_size=(32, 32),
    )
    known = replace(sample, unsure=torch.tensor([3]))
    batch = Collate(tokenizer, training=True)([sample, known])
    assert batch.tokens.shape[1] == MAX_TOKENS
    out = outputs(batch)
    (gradient,) = torch.autograd.grad(GroundingLoss()(out, batch).alignment, out.alignment)
    assert (gradient[0, :, -1] != 0).all() and (gradient[1, :, -1] == 0).all()


def test_two_halves_average_to_the_joint_loss(batch: Batch) -> None:
    """Two processes that normalise by mean sums have losses whose mean is the joint loss."""
    out = outputs(batch)
    with torch.no_grad():
        for tensor in (out.alignment, out.deltas, out.centerness):
            tensor.normal_()
    joint = GroundingLoss()(out, batch)
    processes = [select(out, batch, rows) for rows in ([0], [1, 2])]
    means = torch.stack([targets_of(rows).sums for _, rows in processes]).mean(0)
    halves = [GroundingLoss()(*inputs, means) for inputs in processes]
    for name in ("alignment", "box", "centerness"):
        average = sum(float(getattr(half, name)) for half in halves) / 2
        assert average == pytest.approx(float(getattr(joint, name)), rel=1e-5)


def test_a_gpu_need_not_tell_the_cpu_anything(batch: Batch) -> None:
    """On the meta device nothing has a value: whatever a CPU has to know would be an error."""
    batch = replace(batch, targets=targets_of(batch)).to("meta")
    out = outputs(batch).to("meta")
    leaves = [out.alignment, out.deltas, out.centerness]
    terms = GroundingLoss()(out, batch)
    gradients = torch.autograd.grad(terms.total, leaves)
    assert [gradient.shape for gradient in gradients] == [leaf.shape for leaf in leaves]


def test_bf16_and_float64_predictions_are_computed_in_at_least_float32(batch: Batch) -> None:
    batch = replace(batch, targets=targets_of(batch))
    torch.manual_seed(0)
    logits = torch.randn(outputs(batch).alignment.shape)
    losses = {}
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        out = outputs(batch)
        values = (logits.bfloat16().to(dtype), out.deltas.to(dtype), out.centerness.to(dtype))
        out = replace(out, alignment=values[0], deltas=values[1], centerness=values[2])
        losses[dtype] = GroundingLoss()(out, batch).total.detach()
    assert losses[torch.bfloat16] == losses[torch.float32]
    assert losses[torch.float64].dtype == torch.float64
    torch.testing.assert_close(losses[torch.float32].double(), losses[torch.float64])


def select(out: Output, batch: Batch, rows: list[int]) -> tuple[Output, Batch]:
    return (
        Output(
            out.alignment[rows],
            out.deltas[rows],
            out.centerness[rows],
            out.anchors,
            out.level_sizes,
        ),
        Batch(
            batch.images[rows],
            batch.sizes[rows],
            batch.original_sizes[rows],
            batch.tokens[rows],
            batch.attention_mask[rows],
            [batch.phrase_masks[row] for row in rows],
            [batch.boxes[row] for row in rows],
            [batch.phrase_ids[row] for row in rows],
            [batch.prompts[row] for row in rows],
            [batch.image_ids[row] for row in rows],
        ),
    )


def test_a_batch_without_boxes_trains_only_the_alignment(batch: Batch) -> None:
    out, first_image = select(outputs(batch), batch, [0])
    empty = replace(
        first_image,
        boxes=[torch.zeros(0, 4)],
        phrase_ids=[torch.zeros(0, dtype=torch.int64)],
    )
    terms = GroundingLoss()(out, empty)
    assert float(terms.box) == float(terms.centerness) == 0
    assert 0 < float(terms.alignment) < float("inf")
    gradients = torch.autograd.grad(terms.total, [out.deltas, out.centerness])
    assert all(gradient.abs().max() == 0 for gradient in gradients)


@pytest.mark.parametrize(("words", "target"), [(MAX_TOKENS, 1), (MAX_TOKENS - 1, 0)])
def test_the_last_word_of_a_full_caption_stands_for_no_object(words: int, target: int) -> None:
    """The target of the last word at the background is 1 in a full caption, else 0."""
    prompt = Prompt("x", (((0, 1),),))
    masks = torch.zeros(1, words, dtype=torch.bool)
    masks[0, 1] = True
    boxes = torch.tensor([[20.0, 20.0, 90.0, 90.0]])
    batch = Batch(
        images=torch.zeros(1, 3, 128, 128, dtype=torch.uint8),
        sizes=torch.tensor([[128, 128]]),
        original_sizes=torch.tensor([[128, 128]]),
        tokens=torch.zeros(1, words, dtype=torch.int64),
        attention_mask=torch.ones(1, words, dtype=torch.bool),
        phrase_masks=[masks],
        boxes=[boxes],
        phrase_ids=[torch.tensor([0])],
        prompts=[prompt],
        image_ids=[0],
    )
    out = outputs(batch)
    GroundingLoss()(out, batch).alignment.backward()
    gradient = out.alignment.grad
    assert gradient is not None
    background = atss(boxes, out.anchors, out.level_sizes) < 0
    # A gradient points away from the target.
    assert gradient[0, background, -1].lt(0).all() == bool(target)
    assert gradient[0, ~background, -1].gt(0).all()
    assert gradient[0, background, -2].gt(0).all()


def test_a_box_of_low_weight_has_smaller_gradients(batch: Batch) -> None:
    def gradients(weights: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        out = outputs(batch)
        terms = GroundingLoss()(out, replace(batch, weights=weights))
        alignment, deltas, centerness = torch.autograd.grad(
            terms.total, [out.alignment, out.deltas, out.centerness]
        )
        return alignment, deltas, centerness

    sure = gradients([])
    ones = [torch.ones(len(boxes)) for boxes in batch.boxes]
    for unweighted, weighted in zip(sure, gradients(ones), strict=True):
        torch.testing.assert_close(unweighted, weighted, rtol=0, atol=0)
    ones[1][0] = 0.25
    doubted = gradients(ones)
    out = outputs(batch)
    for row, boxes in enumerate(batch.boxes):
        owner = atss(boxes, out.anchors, out.level_sizes)
        its = owner == 0 if row == 1 else torch.zeros_like(owner, dtype=torch.bool)
        for full, less in zip(sure, doubted, strict=True):
            torch.testing.assert_close(less[row][its], 0.25 * full[row][its])
            torch.testing.assert_close(less[row][~its], full[row][~its])
    assert float(sure[1][1].abs().sum()) > 0
