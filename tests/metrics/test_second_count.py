"""COCO's figures are counted again by pycocotools; differences and large sets are told."""

from pathlib import Path

import numpy as np
import pytest

from glip_pl.metrics import second_count as module
from glip_pl.metrics.coco import COCOAveragePrecision, coco_figures
from glip_pl.metrics.lvis import LVISAveragePrecision
from glip_pl.metrics.second_count import pycocotools_figures, second_count
from tests.metrics import reference
from tests.metrics.cases import TWELVE, truth_and_detections
from tests.metrics.cases import pycocotools_figures as figures_of_files


@pytest.mark.parametrize("seed", range(5))
def test_arrays_give_what_files_give(seed: int, tmp_path: Path) -> None:
    """Counting one category at a time changes nothing; crowds and areas of masks take part."""
    content, results = reference.random_set(seed, federated=False, images=12)
    truth, detections = truth_and_detections(tmp_path, content, results)
    assert truth.crowds.any()
    figures = pycocotools_figures(truth, detections)
    known = figures_of_files(tmp_path / "truth.json", results)
    assert [figures[name] for name in TWELVE] == pytest.approx(known, abs=1e-12)
    count = second_count(coco_figures(truth, detections), truth, detections)
    assert count.difference is not None and count.difference < 1e-12
    assert count.entry()["agrees"] is True
    assert "finds the same figures" in str(count)


def test_figures_that_differ_are_named(tmp_path: Path) -> None:
    content, results = reference.random_set(0, federated=False)
    truth, detections = truth_and_detections(tmp_path, content, results)
    figures = coco_figures(truth, detections)
    figures["AP50"] += 2e-6
    category = next(name for name in figures if name.startswith("AP/"))
    del figures[category]
    count = COCOAveragePrecision(lambda: truth).counted_again(figures, truth, detections)
    assert count.entry()["agrees"] is False
    assert count.entry()["differing"] == ["AP50", category]
    assert count.difference is not None and count.difference > 1
    assert f"finds other figures, by up to {count.difference:.2g}: AP50, {category}" in str(count)


def test_nothing_found_and_nothing_there(tmp_path: Path) -> None:
    content, _ = reference.random_set(0, federated=False)
    truth, nothing = truth_and_detections(tmp_path, content, [])
    assert second_count(coco_figures(truth, nothing), truth, nothing).difference == 0
    no_boxes, _ = truth_and_detections(tmp_path, {**content, "annotations": []}, [])
    figures = coco_figures(no_boxes, nothing)
    assert np.isnan(figures["AP"])
    assert second_count(figures, no_boxes, nothing).entry()["agrees"] is True
    no_images = truth.of_images(truth.image_ids < 0)
    assert second_count(figures, no_images, nothing).skipped == "there is nothing to count"


def test_large_sets_are_skipped_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, results = reference.random_set(0, federated=False)
    truth, detections = truth_and_detections(tmp_path, content, results)
    monkeypatch.setattr(module, "MOST_DETECTIONS", len(detections) - 1)
    count = second_count({}, truth, detections)
    assert count.entry()["agrees"] is None
    assert f"{len(detections)} detections" in count.entry()["skipped"]
    assert str(count).startswith("not counted again: pycocotools would take too long")


def test_lvis_is_not_counted_again(tmp_path: Path) -> None:
    """pycocotools does not know its protocol."""
    content, results = reference.random_set(0, federated=True)
    truth, detections = truth_and_detections(tmp_path, content, results)
    assert LVISAveragePrecision(lambda: truth).counted_again({}, truth, detections) is None
