import json
from pathlib import Path

import numpy as np

from glip_pl.data.truth import PhraseTruth, Truth
from glip_pl.metrics.detections_file import write_detections
from glip_pl.metrics.detections_table import DetectionsTable

DETECTIONS = DetectionsTable(
    images=np.array([1, 0]),
    labels=np.array([1, 0]),
    scores=np.array([0.12345678, 1.0]),
    boxes=np.array([[1.0, 2.0, 30.12345, 40.0], [0.0, 0.0, 5.0, 6.0]]),
)


def categories() -> Truth:
    nothing = np.zeros(0, dtype=np.int64)
    return Truth(
        image_ids=np.array([4, 7]),
        boxes=np.zeros((0, 4)),
        areas=np.zeros(0),
        crowds=np.zeros(0, dtype=np.bool_),
        images=nothing,
        labels=nothing,
        names=["cat", "dog"],
        category_ids=np.array([3, 90]),
    )


def test_entries_have_the_ids_of_the_annotation_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    write_detections(categories(), DETECTIONS, path)
    assert json.loads(path.read_text()) == [
        {"image_id": 7, "category_id": 90, "bbox": [1, 2, 30.123, 40], "score": 0.123457},
        {"image_id": 4, "category_id": 3, "bbox": [0, 0, 5, 6], "score": 1},
    ]
    assert len(path.read_text().splitlines()) == 4  # one per line, between brackets
    assert list(path.parent.iterdir()) == [path]


def test_boxes_of_phrases_are_written_with_their_sides(tmp_path: Path) -> None:
    offsets = np.array([0, 2, 4])
    truth = PhraseTruth(np.array([4, 7]), offsets, np.zeros((0, 4)), np.zeros(5, dtype=np.int64))
    write_detections(truth, DETECTIONS, tmp_path / "results.json")
    first, second = json.loads((tmp_path / "results.json").read_text())
    assert first == {"image_id": 7, "phrase": 1, "bbox": [1, 2, 29.123, 38], "score": 0.123457}
    assert second["bbox"] == [0, 0, 5, 6]


def test_no_detections_are_an_empty_list(tmp_path: Path) -> None:
    write_detections(
        categories(), DETECTIONS[np.zeros(2, dtype=np.bool_)], tmp_path / "results.json"
    )
    assert json.loads((tmp_path / "results.json").read_text()) == []
