import math
from collections.abc import Sequence

import pytest
import torch

from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.types import Batch, Detections, Prompt

Boxes = Sequence[Sequence[float]]


def batch(boxes: Boxes, labels: list[int], factor: int = 2) -> Batch:
    """One picture, read at half of its size on disk."""
    return Batch(
        images=torch.zeros(1, 3, 128, 128, dtype=torch.uint8),
        sizes=torch.tensor([[100, 120]]),
        original_sizes=torch.tensor([[100 * factor, 120 * factor]]),
        tokens=torch.zeros(1, 3, dtype=torch.int64),
        attention_mask=torch.ones(1, 3, dtype=torch.bool),
        phrase_masks=[torch.eye(3, dtype=torch.bool)],
        boxes=[torch.tensor(boxes).view(-1, 4)],
        phrase_ids=[torch.tensor(labels, dtype=torch.int64)],
        prompts=[Prompt("a. b. c", ())],
        image_ids=[1],
    )


def found(boxes: Boxes, scores: list[float], labels: list[int]) -> Detections:
    return Detections(torch.tensor(boxes).view(-1, 4), torch.tensor(scores), torch.tensor(labels))


def test_perfect_boxes_in_pixels_of_the_file_score_one() -> None:
    metric = COCOAveragePrecision(["a", "b", "c"])
    truth: Boxes = [[10.0, 10, 49, 49], [60, 20, 99, 79]]
    predicted: Boxes = [[20.0, 20, 98, 98], [120, 40, 198, 158]]
    metric.update([found(predicted, [0.9, 0.8], [0, 1])], batch(truth, [0, 1]))
    values = metric.compute()
    assert values["AP"] == values["AP/a"] == values["AP/b"] == pytest.approx(1)
    assert "AP/c" not in values


def test_half_of_the_boxes_of_one_class() -> None:
    metric = COCOAveragePrecision(["a", "b", "c"])
    truth: Boxes = [[10.0, 10, 49, 49], [60, 20, 99, 79]]
    metric.update([found([[20.0, 20.0, 98.0, 98.0]], [0.9], [0])], batch(truth, [0, 0]))
    values = metric.compute()
    assert values["AP50"] == pytest.approx(51 / 101)  # recall 0.5: 51 of 101 recall points
    metric.reset()
    metric.update([found([], [], [])], batch(truth, [0, 1]))
    assert metric.compute()["AP"] == 0


def test_nothing_to_find_is_nan_not_zero() -> None:
    metric = COCOAveragePrecision(["a", "b", "c"])
    metric.update([found([], [], [])], batch([], []))
    assert math.isnan(metric.compute()["AP"])
