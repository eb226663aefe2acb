"""Recorded answers of the official programs; GLIP_PL_EVAL_SAMPLES_DIR names a folder of others."""

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
from tests.metrics.test_average_precision import TWELVE

SAMPLES = Path(os.environ.get("GLIP_PL_EVAL_SAMPLES_DIR", SHARED / "data" / "evaluator_samples"))

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason=f"recorded evaluations are absent: {SAMPLES}"
)

COCO_TRUTH = "instances_val2014_100_bbox.json"
LVIS_TRUTH = "lvis_val_100_bbox.json"


def content(name: str) -> Any:
    if not (SAMPLES / name).is_file():
        pytest.skip(f"{SAMPLES} has no {name}")
    return json.loads((SAMPLES / name).read_text())


def opened(truth_file: str, results_file: str) -> tuple[Truth, DetectionsTable]:
    content(truth_file)
    truth = CocoJson(SAMPLES / truth_file, SAMPLES).truth()
    return truth, DetectionsTable.from_coco(
        content(results_file), truth.image_ids, truth.category_ids
    )


def agree(figures: dict[str, float], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        ours = figures[name.partition("@")[0] if name.startswith("AR") else name]
        assert ours == pytest.approx(value, abs=1e-4), name


def test_coco_sample() -> None:
    expected = content("expected_coco_bbox.json")["stats"]
    figures = coco_figures(*opened(COCO_TRUTH, "instances_val2014_fakebbox100_results.json"))
    assert [figures[name] for name in TWELVE] == pytest.approx(expected, abs=1e-4)


def test_lvis_sample() -> None:
    expected = content("expected_lvis_bbox.json")["results"]
    truth, found = opened(LVIS_TRUTH, "lvis_synthetic_results.json")
    agree(lvis_figures(truth, found, per_image=300), expected)


@pytest.mark.parametrize(
    ("regime", "limits"),
    [
        ("standard_300_per_image", {"per_image": 300}),
        ("fixed_no_image_cap", {}),
        ("fixed_top_40_per_class", {"per_category": 40}),
    ],
)
def test_lvis_dense_sample(regime: str, limits: dict[str, int]) -> None:
    expected = content("expected_lvis_dense.json")[regime]
    truth, found = opened(LVIS_TRUTH, "lvis_dense_results.json")
    agree(lvis_figures(truth, found, **limits), expected)
