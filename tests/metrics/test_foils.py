"""Answers to names of absent objects are counted for each image, name and object."""

from math import isnan

import numpy as np
import pytest
import torch

from glip_pl.data.truth import Truth
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.foils import foil_figures, overlapped_boxes
from glip_pl.types import Detections

BOXES = [[10.0, 10, 20, 20], [50.0, 50, 20, 20], [10.0, 10, 30, 30]]
"""Objects: a cat and a dog in the first image, a cat in the second."""


def truth(crowds: tuple[bool, ...] = (False, False, False)) -> Truth:
    boxes = np.asarray(BOXES)
    return Truth(
        image_ids=np.asarray([1, 2]),
        boxes=boxes,
        areas=boxes[:, 2] * boxes[:, 3],
        crowds=np.asarray(crowds),
        images=np.asarray([0, 0, 1]),
        labels=np.asarray([0, 1, 0]),
        names=["cat", "dog"],
        category_ids=np.asarray([1, 2]),
    )


def table(*rows: tuple[int, int, float, list[float]]) -> DetectionsTable:
    """Rows of image, label, score and box."""
    images, labels, scores, boxes = zip(*rows, strict=True)
    return DetectionsTable(
        np.asarray(images), np.asarray(labels), np.asarray(scores), np.asarray(boxes, float)
    )


# Labels with two categories and the foils car and tree: 0, 1 alone; 2, 3 beside; then 4, 5 foils
# beside the categories and 6, 7 foils alone.
PLAIN = [(0, 0, 0.9, BOXES[0]), (0, 1, 0.8, BOXES[1]), (1, 0, 0.9, BOXES[2])]
BESIDE = [(image, label + 2, score, box) for image, label, score, box in PLAIN]
NOWHERE = [80.0, 80, 5, 5]


def test_fires_are_counted_by_image_name_and_object() -> None:
    fires = [
        (0, 4, 0.5, BOXES[0]),
        (0, 4, 0.4, NOWHERE),
        (1, 5, 0.3, [12.0, 12, 30, 30]),  # IoU 0.77
        (1, 5, 0.29, BOXES[2]),  # below the threshold
        (1, 7, 0.6, BOXES[2]),
    ]
    figures = foil_figures(truth(), table(*PLAIN, *BESIDE, *fires), ["car", "tree"], 1.0)
    assert figures["foil_fires"] == 1.5
    assert figures["foil_boxes"] == pytest.approx(2 / 3)
    assert (figures["foil_fires/car"], figures["foil_fires/tree"]) == (1.0, 0.5)
    assert figures["foil_fires_alone"] == 0.5
    assert figures["foil_boxes_alone"] == pytest.approx(1 / 3)
    assert (figures["foil_fires_alone/car"], figures["foil_fires_alone/tree"]) == (0.0, 0.5)
    assert figures["AP_beside_foils"] == pytest.approx(1.0)
    assert figures["AP_drop"] == pytest.approx(0.0)
    assert figures["recall_shown"] == 1.0


def test_what_the_categories_lose_beside_foils_is_their_drop() -> None:
    figures = foil_figures(truth(), table(*PLAIN, *BESIDE[:2]), ["car", "tree"], 1.0)
    assert 0 < figures["AP_drop"] < 1
    assert figures["AP_beside_foils"] == pytest.approx(1 - figures["AP_drop"])


def test_categories_in_images_without_them_are_counted_apart() -> None:
    absent = [(1, 1, 0.7, BOXES[2]), (1, 1, 0.2, NOWHERE), (0, 1, 0.5, NOWHERE)]
    figures = foil_figures(truth(), table(*PLAIN, *absent), ["car"], 1.0)
    assert figures["absent_fires"] == 0.5  # the dog of the second image
    assert figures["absent_boxes"] == pytest.approx(1 / 3)
    assert figures["foil_fires"] == figures["foil_fires_alone"] == 0


def test_crowds_are_no_objects_and_without_objects_shares_are_nan() -> None:
    found = table((0, 4, 0.9, BOXES[0]))
    assert foil_figures(truth((True, False, False)), found, ["car"], 1.0)["foil_boxes"] == 0
    figures = foil_figures(truth((True, True, True)), found, ["car"], 1.0)
    assert isnan(figures["foil_boxes"]) and isnan(figures["recall_shown"])
    nothing = truth().of_images(np.asarray([False, False]))
    assert foil_figures(nothing, found[found.scores < 0], ["car"], 1.0)["foil_fires"] == 0


def test_overlap_is_looked_for_within_an_image() -> None:
    found = table((1, 0, 0.9, BOXES[0]), (1, 0, 0.9, NOWHERE), (0, 3, 0.1, BOXES[1]))
    # The first object's box is in the other image, where it covers 0.44 of the third object.
    assert overlapped_boxes(truth(), found).tolist() == [False, True, False]


def test_the_metric_keeps_answers_to_foils_apart() -> None:
    metric = COCOAveragePrecision(truth, foils=["car", "tree"])
    plain = COCOAveragePrecision(truth)
    for image, image_id in enumerate((1, 2)):
        corners = [[x, y, x + w - 1, y + h - 1] for x, y, w, h in BOXES]
        chosen = [0, 1] if image == 0 else [2]
        found = Detections(
            torch.tensor(corners)[chosen], torch.full((len(chosen),), 0.9), torch.tensor([0, 1])[
                : len(chosen)
            ]
        )  # fmt: skip
        wrong = Detections(
            torch.tensor(corners)[chosen[:1]], torch.tensor([0.8]), torch.tensor([7])
        )
        both = Detections(
            torch.cat([found.boxes, wrong.boxes]),
            torch.cat([found.scores, wrong.scores]),
            torch.cat([found.phrase_ids, wrong.phrase_ids]),
        )
        metric.update([both], [image_id])
        plain.update([found], [image_id])
    figures, without = metric.compute(), plain.compute()
    assert {name: figures[name] for name in without} == pytest.approx(without, nan_ok=True)
    assert figures["foil_fires_alone/tree"] == 1.0
    assert not any("foil" in name for name in without)
    kept, table_of_names = metric.truth_and_detections()
    assert table_of_names.labels.max() < len(kept.names)
    count = metric.counted_again(figures, kept, table_of_names)
    assert not count.differing
