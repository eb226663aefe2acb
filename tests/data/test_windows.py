from dataclasses import replace

import pytest
import torch
from torch import Tensor

from glip_pl.anchors import level_shapes, pyramid_anchors
from glip_pl.data.collate import Collate
from glip_pl.data.windows import with_joint_sums
from glip_pl.losses.grounding import GroundingLoss
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Batch, Output, Sample

SIDE = 128
"""Of square pictures."""


def samples() -> list[Sample]:
    """Eight pictures with nought to seven boxes."""
    torch.manual_seed(0)
    made = []
    for number in range(8):
        low = torch.rand(number, 2) * SIDE / 2
        made.append(
            Sample(
                image=torch.zeros(3, SIDE, SIDE, dtype=torch.uint8),
                boxes=torch.cat([low, low + 10 + torch.rand(number, 2) * SIDE / 2], 1),
                phrase_ids=torch.arange(number) % 2,
                prompt=names_prompt(["cat", "dog"]),
                image_id=number,
                original_size=(SIDE, SIDE),
            )
        )
    return made


def batches(tokenizer: Tokenizer, size: int) -> list[Batch]:
    collate, every = Collate(tokenizer, training=True), samples()
    return [collate(every[first : first + size]) for first in range(0, len(every), size)]


def predictions(batch: Batch, weights: Tensor) -> Output:
    """Random predictions for each picture, in proportion to three weights."""
    shapes = level_shapes(SIDE, SIDE)
    anchors = pyramid_anchors(shapes, torch.device("cpu"))
    rows: list[list[Tensor]] = [[], [], []]
    for image_id in batch.image_ids:
        torch.manual_seed(image_id)
        for row, width in zip(rows, (batch.tokens.shape[1], 4, 1), strict=True):
            row.append(torch.randn(len(anchors), width, dtype=torch.float64))
    alignment, deltas, centerness = (torch.stack(row) for row in rows)
    return Output(
        alignment * weights[0],
        deltas * weights[1],
        centerness[..., 0] * weights[2],
        anchors,
        tuple(height * width for height, width in shapes),
    )


def accumulated(given: list[Batch], steps: int) -> Tensor:
    """The gradient that Lightning adds up over the batches of a step."""
    weights = torch.ones(3, dtype=torch.float64, requires_grad=True)
    for batch in given:
        terms = GroundingLoss()(predictions(batch, weights), batch)
        (terms.total / steps).backward()
    assert weights.grad is not None
    return weights.grad


@pytest.mark.parametrize(("size", "count"), [(4, 2), (2, 4), (1, 8)])
def test_accumulated_gradients_are_those_of_the_joint_batch(
    tokenizer: Tokenizer, size: int, count: int
) -> None:
    (whole,) = batches(tokenizer, 8)
    expected = accumulated([whole], 1)
    given = batches(tokenizer, size)
    found = accumulated(list(with_joint_sums(given, count)), count)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    apart = accumulated(given, count)  # each batch with its own normalisers
    assert (apart / expected - 1).abs().max() > 1e-2


def counts(given: list[Batch]) -> list[float]:
    return [float(batch.targets.sums[0]) for batch in given if batch.targets is not None]


def test_the_last_step_of_an_epoch_may_have_fewer_batches(tokenizer: Tokenizer) -> None:
    given = batches(tokenizer, 1)
    expected = accumulated([Collate(tokenizer, training=True)(samples()[6:])], 1)
    joint = list(with_joint_sums(given, 3))
    torch.testing.assert_close(accumulated(joint[6:], 3), expected, rtol=1e-6, atol=0)
    assert counts(joint)[6] == pytest.approx(sum(counts(given)[6:]) / 3)


def test_a_resumed_run_goes_on_within_a_step_and_a_limit_ends_one(tokenizer: Tokenizer) -> None:
    given = batches(tokenizer, 1)
    own = counts(given)
    found = counts(list(with_joint_sums(given[2:], 4, done=2, total=7)))
    steps = [sum(own[2:4]) / 4] * 2 + [sum(own[4:7]) / 4] * 3
    assert found == pytest.approx(steps)


def test_batches_are_fetched_when_their_step_begins(tokenizer: Tokenizer) -> None:
    source = iter(batches(tokenizer, 1))
    joint = with_joint_sums(source, 3)
    first = next(joint)
    assert next(source).image_ids == [3] and first.image_ids == [0]
    single = next(with_joint_sums([replace(first)], 1))
    assert counts([single]) == counts([first])
