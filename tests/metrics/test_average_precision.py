"""COCO and LVIS against pycocotools and against the plain reference."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.truth import Truth
from glip_pl.metrics.average_precision import OperatingPoint, best_f1
from glip_pl.metrics.coco import coco_figures
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.lvis import lvis_figures
from glip_pl.metrics.matching import match
from tests.metrics import reference

TWELVE = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]


def opened(
    folder: Path, content: dict[str, Any], results: list[dict[str, Any]]
) -> tuple[Truth, DetectionsTable]:
    path = folder / "truth.json"
    path.write_text(json.dumps(content))
    truth = CocoJson(path, folder).truth()
    return truth, DetectionsTable.from_coco(results, truth.image_ids, truth.category_ids)


def official(content: dict[str, Any], results: list[dict[str, Any]], path: Path) -> list[float]:
    path.write_text(json.dumps(content))
    coco = COCO(str(path))
    evaluator = COCOeval(coco, coco.loadRes(results), "bbox")
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    stats: list[float] = evaluator.stats.tolist()
    return stats


@pytest.mark.parametrize("seed", range(25))
def test_coco_is_pycocotools(seed: int, tmp_path: Path) -> None:
    content, results = reference.some_set(seed, federated=False, images=12)
    figures = coco_figures(*opened(tmp_path, content, results))
    ours = np.nan_to_num([figures[name] for name in TWELVE], nan=-1)
    np.testing.assert_allclose(ours, official(content, results, tmp_path / "o.json"), atol=1e-12)


@pytest.mark.parametrize("seed", range(25))
def test_coco_is_the_reference(seed: int, tmp_path: Path) -> None:
    content, results = reference.some_set(seed, federated=False)
    figures = coco_figures(*opened(tmp_path, content, results))
    for name, area in (("AP", (0.0, 1e10)), ("APm", (32.0**2, 96.0**2))):
        known = reference.average_precision(content, results, 100, False, area)
        np.testing.assert_allclose(figures[name], mean(known.values()), atol=1e-9)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("protocol", ["standard", "fixed"])
def test_lvis_is_the_reference(seed: int, protocol: str, tmp_path: Path) -> None:
    content, results = reference.some_set(seed, federated=True)
    truth, found = opened(tmp_path, content, results)
    if protocol == "standard":
        figures = lvis_figures(truth, found, per_image=4)
        kept = reference.keep_per_image(results, 4)
    else:
        order = np.argsort(found.images, kind="stable")  # as the metric hands them over
        figures = lvis_figures(truth, found[order], per_category=7)
        kept = reference.keep_per_class(results, 7)
    known = reference.average_precision(content, kept, None, True)
    np.testing.assert_allclose(figures["AP"], mean(known.values()), atol=1e-9)
    for letter in "rcf":
        ids = [one["id"] for one in content["categories"] if one["frequency"] == letter]
        values = [known[one] for one in ids if one in known]
        np.testing.assert_allclose(figures[f"AP{letter}"], mean(values), atol=1e-9)


def mean(values: Any) -> float:
    return float(np.mean(list(values))) if len(list(values)) else float("nan")


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_balances_precision_and_recall_better(seed: int, tmp_path: Path) -> None:
    content, results = reference.some_set(seed, federated=False)
    truth, found = opened(tmp_path, content, results)
    whole = match(truth, found)
    for category in range(len(truth.names)):
        total = int(whole.box_counts[0, category])
        tried = {}
        for score in np.unique(found.scores):
            part = match(truth, found[(found.scores >= score) & (found.labels == category)])
            counted = ~part.is_ignored[0, 0]
            right = int((part.is_matched[0, 0] & counted).sum())
            if right:
                point = OperatingPoint(float(score), right / int(counted.sum()), right / total)
                tried[2 * right / (total + int(counted.sum())), score] = point
        expected = tried[max(tried)] if tried else None
        assert best_f1(whole, category) == pytest.approx(expected)


def test_many_pairs_come_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, results = reference.some_set(3, federated=False, images=20)
    truth, found = opened(tmp_path, content, results)
    whole = coco_figures(truth, found)
    monkeypatch.setattr("glip_pl.metrics.matching.PAIRS", 5)
    np.testing.assert_equal(coco_figures(truth, found), whole)


def test_nothing_to_find_and_nothing_found(tmp_path: Path) -> None:
    content, results = reference.some_set(0, federated=True)
    empty = {**content, "annotations": []}
    assert np.isnan(lvis_figures(*opened(tmp_path, empty, results))["AP"])
    assert coco_figures(*opened(tmp_path, content, []))["AP"] == 0
    truth, _ = opened(tmp_path, empty, [])
    nothing = DetectionsTable.from_coco([], truth.image_ids, truth.category_ids)
    assert np.isnan(coco_figures(truth.of_images(truth.image_ids < 0), nothing)["AP"])
