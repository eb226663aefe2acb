"""Figures that the official programs computed; GLIP_PL_EVAL_SAMPLES_DIR names their folder."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.truth import Truth
from glip_pl.metrics.coco import coco_figures
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.lvis import lvis_figures
from tests.conftest import SHARED
from tests.metrics.cases import TWELVE

SAMPLES = Path(os.environ.get("GLIP_PL_EVAL_SAMPLES_DIR", SHARED / "data" / "evaluator_samples"))

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason=f"recorded evaluations are absent: {SAMPLES}"
)

COCO_TRUTH = "instances_val2014_100_bbox.json"
LVIS_TRUTH = "lvis_val_100_bbox.json"


def read(name: str) -> Any:
    if not (SAMPLES / name).is_file():
        pytest.skip(f"{SAMPLES} has no {name}")
    return json.loads((SAMPLES / name).read_text())


def truth_and_detections(truth_file: str, results_file: str) -> tuple[Truth, DetectionsTable]:
    read(truth_file)  # skips if it is absent
    truth = CocoJson(SAMPLES / truth_file, SAMPLES).truth()
    return truth, DetectionsTable.from_coco(read(results_file), truth.image_ids, truth.category_ids)


def assert_figures(figures: dict[str, float], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        ours = figures[name.partition("@")[0] if name.startswith("AR") else name]
        assert ours == pytest.approx(value, abs=1e-4), name


def test_coco_sample() -> None:
    expected = read("expected_coco_bbox.json")["stats"]
    figures = coco_figures(
        *truth_and_detections(COCO_TRUTH, "instances_val2014_fakebbox100_results.json")
    )
    assert [figures[name] for name in TWELVE] == pytest.approx(expected, abs=1e-4)


def test_lvis_sample() -> None:
    expected = read("expected_lvis_bbox.json")["results"]
    truth, detections = truth_and_detections(LVIS_TRUTH, "lvis_synthetic_results.json")
    assert_figures(lvis_figures(truth, detections, per_image=300), expected)


@pytest.mark.parametrize(
    ("regime", "limits"),
    [
        ("standard_300_per_image", {"per_image": 300}),
        ("fixed_no_image_cap", {}),
        ("fixed_top_40_per_class", {"per_category": 40}),
    ],
)
def test_lvis_dense_sample(regime: str, limits: dict[str, int]) -> None:
    expected = read("expected_lvis_dense.json")[regime]
    truth, detections = truth_and_detections(LVIS_TRUTH, "lvis_dense_results.json")
    assert_figures(lvis_figures(truth, detections, **limits), expected)
