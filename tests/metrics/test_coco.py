"""COCO's figures are those of pycocotools and of the plain reference."""

import json
from pathlib import Path

import numpy as np
import pytest

from glip_pl.metrics.coco import COCOAveragePrecision, coco_figures
from glip_pl.types import SHOWN_SCORE
from tests.metrics import reference
from tests.metrics.cases import TWELVE, mean, pycocotools_figures, truth_and_detections


@pytest.mark.parametrize("seed", range(25))
def test_figures_are_those_of_pycocotools(seed: int, tmp_path: Path) -> None:
    content, results = reference.random_set(seed, federated=False, images=12)
    figures = coco_figures(*truth_and_detections(tmp_path, content, results))
    ours = np.nan_to_num([figures[name] for name in TWELVE], nan=-1)
    path = tmp_path / "pycocotools.json"
    path.write_text(json.dumps(content))
    np.testing.assert_allclose(ours, pycocotools_figures(path, results), atol=1e-12)


@pytest.mark.parametrize("seed", range(25))
def test_figures_are_those_of_the_reference(seed: int, tmp_path: Path) -> None:
    content, results = reference.random_set(seed, federated=False)
    figures = coco_figures(*truth_and_detections(tmp_path, content, results))
    for name, area in (("AP", (0.0, 1e10)), ("APm", (32.0**2, 96.0**2))):
        known = reference.average_precision(content, results, 100, False, area)
        np.testing.assert_allclose(figures[name], mean(known.values()), atol=1e-9)


def test_without_boxes_figures_are_nan_and_without_detections_zero(tmp_path: Path) -> None:
    content, results = reference.random_set(0, federated=True)
    truth, nothing = truth_and_detections(tmp_path, content, [])
    assert coco_figures(truth, nothing)["AP"] == 0
    empty = {**content, "annotations": []}
    assert np.isnan(coco_figures(*truth_and_detections(tmp_path, empty, results))["AP"])
    truth, nothing = truth_and_detections(tmp_path, empty, [])
    no_images = truth.of_images(truth.image_ids < 0)
    assert np.isnan(coco_figures(no_images, nothing)["AP"])


def test_a_metric_has_all_figures_that_it_shows(tmp_path: Path) -> None:
    truth, detections = truth_and_detections(tmp_path, *reference.random_set(0, federated=False))
    metric = COCOAveragePrecision(lambda: truth)
    figures = metric.figures(truth, detections)
    assert {metric.headline, *metric.columns} <= figures.keys()
    certain = detections[detections.scores >= SHOWN_SCORE]
    missed = metric.missed_per_image(truth, detections)
    np.testing.assert_array_equal(missed, metric.missed_per_image(truth, certain))
    assert missed.shape == truth.image_ids.shape
    assert 0 < missed.sum() < len(truth.labels)
