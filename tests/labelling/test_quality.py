"""Histograms of pseudo labels, and their agreement with annotations, counted by hand."""

import pytest
import torch

from glip_pl.labelling.quality import LabelQuality
from glip_pl.types import Detections, Prompt

CAPTION = "a red star above two rings"
STAR, RINGS = ((2, 10),), ((21, 26),)


def detections(boxes: list[list[float]], scores: list[float], phrases: list[int]) -> Detections:
    return Detections(torch.tensor(boxes), torch.tensor(scores), torch.tensor(phrases))


def test_a_box_is_correct_once_and_only_for_its_phrase() -> None:
    quality = LabelQuality()
    ground_truth = torch.tensor([[0.0, 0, 9, 9], [20, 20, 29, 29], [40, 40, 49, 49]])
    # The teacher's first phrase is shorter than the annotated one, its last is not annotated.
    prompt = Prompt(CAPTION, (((6, 10),), RINGS, ((0, 1),)))
    boxes = detections(
        [[0, 0, 9, 9], [0, 0, 9, 8], [20, 20, 29, 29], [40, 40, 49, 49], [40, 40, 49, 49]],
        [0.92, 0.81, 0.71, 0.61, 0.52],
        [0, 0, 0, 1, 2],
    )
    quality.add(boxes)
    quality.judge(prompt, boxes, ground_truth, [0, 1, 1], (STAR, RINGS))
    rows = {row["score"]: row for row in quality.table()}
    assert [rows[score]["boxes"] for score in (0.1, 0.6, 0.9)] == [5, 4, 1]
    assert rows[0.9]["precision"] == 1
    assert rows[0.8]["precision"] == pytest.approx(1 / 2)  # the star has been detected before
    assert rows[0.7]["precision"] == pytest.approx(1 / 3)  # a ring that was called a star
    assert rows[0.5]["precision"] == pytest.approx(2 / 4)  # "a" is not annotated
    assert rows[0.1]["recall"] == pytest.approx(2 / 3)


def test_counts_of_shards_add_up() -> None:
    boxes = detections([[0, 0, 9, 9]], [0.35], [0])
    prompt = Prompt(CAPTION, (STAR,))
    total = LabelQuality()
    for shard in (LabelQuality(), LabelQuality()):
        shard.add(boxes)
        shard.judge(prompt, boxes, torch.tensor([[0.0, 0, 9, 9]]), [0], (STAR,))
        total.add_counts(shard.counts())
    assert total.table()[0] == {"score": 0.1, "boxes": 2, "precision": 1.0, "recall": 1.0}
    assert total.table()[6]["precision"] is None
    assert LabelQuality().table()[0]["recall"] is None
