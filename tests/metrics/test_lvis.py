"""LVIS's figures are those of the plain reference, also when detections are dropped early."""

import json
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.metrics import lvis
from glip_pl.metrics.lvis import LVISAveragePrecision, lvis_figures
from tests.metrics import reference
from tests.metrics.cases import mean, truth_and_detections


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("protocol", ["standard", "fixed"])
def test_figures_are_those_of_the_reference(seed: int, protocol: str, tmp_path: Path) -> None:
    content, results = reference.random_set(seed, federated=True)
    truth, detections = truth_and_detections(tmp_path, content, results)
    if protocol == "standard":
        figures = lvis_figures(truth, detections, per_image=4)
        counted = reference.best_per_image(results, 4)
    else:
        order = np.argsort(detections.images, kind="stable")  # as the metric sorts them
        figures = lvis_figures(truth, detections[order], per_category=7)
        counted = reference.best_per_category(results, 7)
    known = reference.average_precision(content, counted, None, True)
    np.testing.assert_allclose(figures["AP"], mean(known.values()), atol=1e-9)
    for letter in "rcf":
        ids = [kind["id"] for kind in content["categories"] if kind["frequency"] == letter]
        values = [known[category_id] for category_id in ids if category_id in known]
        np.testing.assert_allclose(figures[f"AP{letter}"], mean(values), atol=1e-9)


def test_without_ground_truth_boxes_figures_are_nan(tmp_path: Path) -> None:
    content, results = reference.random_set(0, federated=True)
    empty = {**content, "annotations": []}
    assert np.isnan(lvis_figures(*truth_and_detections(tmp_path, empty, results))["AP"])


def test_dropping_detections_that_cannot_count_changes_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, results = reference.random_set(7, federated=True, images=12)
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content))
    images = reference.detections_of_images(content, results)
    monkeypatch.setattr(lvis, "PER_IMAGE", 3)
    monkeypatch.setattr(lvis, "PER_CATEGORY", 5)
    whole, dropping = (LVISAveragePrecision(CocoJson(path, tmp_path).truth) for _ in range(2))
    for image_id, detections in images:
        whole.update([detections], [image_id])
    monkeypatch.setattr(lvis, "TOO_MANY", 10)
    dropping.reset()
    for image_id, detections in images:
        dropping.update([detections], [image_id])
    assert dropping.held < whole.held == sum(len(detections) for _, detections in images)
    np.testing.assert_equal(dropping.compute(), whole.compute())
