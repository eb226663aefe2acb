import json
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.formats.mdetr_evaluation import ReferringJson
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.referring import ReferringAccuracy, referring_figures


def test_a_sentence_has_one_correct_box(tmp_path: Path) -> None:
    path = tmp_path / "refcoco.json"
    images = [
        {"id": 9 - n, "file_name": "a.jpg", "height": 99, "width": 99, "caption": "the left cat"}
        for n in range(3)
    ]
    annotations = [
        {"id": n, "image_id": 9 - n, "bbox": [10 * n, 0, 20, 20], "tokens_positive": [[9, 12]]}
        for n in range(3)
    ]
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    truth = ReferringJson(path, tmp_path).truth()
    assert truth.image_ids.tolist() == [7, 8, 9]
    # The best box is correct; the second best one is; IoU 0.55 and a generalised IoU of the same.
    detections = DetectionsTable(
        np.asarray([0, 1, 1, 2]),
        np.zeros(4, int),
        np.asarray([0.9, 0.2, 0.8, 0.5]),
        np.asarray([[20.0, 0, 40, 20], [10, 0, 30, 20], [60, 60, 70, 70], [0, 0, 11, 20]]),
    )
    figures = referring_figures(truth, detections)
    assert figures["P@1"] == pytest.approx(2 / 3)
    assert figures["P@5"] == 1
    assert figures["P@1_giou"] == pytest.approx(2 / 3)
    metric = ReferringAccuracy(lambda: truth)
    assert {metric.headline, *metric.columns} <= figures.keys()
    assert metric.missed_per_image(truth, detections).tolist() == [0, 1, 0]


def test_boxes_are_measured_without_their_last_pixel_inside() -> None:
    metric = ReferringAccuracy(lambda: pytest.fail("no annotations are needed"))
    corners = metric.measured_boxes(np.array([[1.0, 2.0, 3.0, 4.0]]))
    assert corners.tolist() == [[1, 2, 4, 5]]


def test_each_kind_of_expression_has_figures_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "expressions.json"
    images = [
        {"id": n, "file_name": "a.jpg", "height": 99, "width": 99, "caption": "the left cat"}
        for n in range(3)
    ]
    annotations = [
        {"id": n, "image_id": n, "bbox": [0, 0, 20, 20], "kind": kind}
        for n, kind in enumerate(("relation", "relation", "attributes"))
    ]
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    detections = DetectionsTable(
        np.asarray([0, 2]), np.zeros(2, int), np.ones(2), np.asarray([[0.0, 0, 20, 20]] * 2)
    )
    figures = referring_figures(ReferringJson(path, tmp_path).truth(), detections)
    assert figures["P@1"] == pytest.approx(2 / 3)
    assert figures["P@1/relation"] == 0.5
    assert figures["P@1/attributes"] == 1
