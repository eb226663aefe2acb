"""Images with missed boxes are shown, those with the most first."""

import json
from pathlib import Path

import pytest
import torch

from glip_pl.data.dataset_factory import evaluation_set
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.transforms import ResizeFlip
from glip_pl.inspection.misses import worst_misses
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Detections


@pytest.fixture
def dataset(world: Path, tokenizer: Tokenizer, indexes: Path) -> EvaluationSet:
    reader = CocoJson(world / "annotations/seen.json", world / "images/seen")
    return evaluation_set(reader, indexes, ResizeFlip([96], 96), tokenizer, COCOAveragePrecision)


def perfect(dataset: EvaluationSet, row: int) -> Detections:
    """The ground truth of an image as its detections."""
    index = dataset.index
    labels = torch.tensor(index.targets[row]).long()
    return Detections(torch.tensor(index.boxes[row]), torch.full((len(labels),), 0.9), labels)


def test_images_without_misses_are_not_shown(dataset: EvaluationSet, world: Path) -> None:
    metric = dataset.new_metric()
    for row in range(len(dataset.index)):
        detections = perfect(dataset, row)
        metric.update([detections.best(len(detections) - row % 3)], [dataset.index.image_ids[row]])
    boxes_left_out = {
        int(dataset.index.image_ids[row]): min(row % 3, len(dataset.index.boxes[row]))
        for row in range(len(dataset.index))
    }
    expected = sorted(filter(None, boxes_left_out.values()), reverse=True)
    misses = list(worst_misses(dataset, metric, 10))
    assert expected and [miss.missed for miss in misses] == expected
    assert all(boxes_left_out[miss.image_id] == miss.missed for miss in misses)
    first = next(worst_misses(dataset, metric, 1))
    assert first.image_id == misses[0].image_id
    assert first.name == dataset.picture_name(first.image_id)
    assert (world / "images" / "seen" / first.name).is_file()
    assert first.picture.width > 2 * 96  # two enlarged pictures side by side
    annotations = json.loads((world / "annotations/seen.json").read_text())["images"]
    assert first.image_id in {image["id"] for image in annotations}
