"""Evaluation measures against what the file says, not against what an index keeps of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.indexing import open_index
from glip_pl.data.truth import PhraseTruth, Truth, truth_of
from tests.data.formats.writers import flickr, lvis, mdetr, scenes, voc


def test_crowds_areas_and_fractions_are_those_of_the_file(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 9, "file_name": "b.jpg", "height": 50, "width": 50},
                   {"id": 4, "file_name": "a.jpg", "height": 50, "width": 50}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 7, "bbox": [-1.25, 0, 30.1, 20], "area": 17.5},
            {"id": 2, "image_id": 4, "category_id": 7, "bbox": [1, 2, 3, 4], "iscrowd": 1},
            {"id": 3, "image_id": 4, "category_id": 3, "bbox": [1, 2, 0, 4], "iscrowd": 0},
        ],
        "categories": [
            {"id": 7, "name": "dog"}, {"id": 0, "name": "animals"}, {"id": 3, "name": "cat"}
        ],
    }  # fmt: skip
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    truth = CocoJson(path, tmp_path).truth()
    assert truth.image_ids.tolist() == [4, 9]
    assert truth.images.tolist() == [1, 0, 0]
    assert truth.boxes.tolist() == [[-1.25, 0, 30.1, 20], [1, 2, 3, 4], [1, 2, 0, 4]]
    assert truth.areas.tolist() == [17.5, 12, 0]
    assert truth.crowds.tolist() == [False, True, False]
    assert truth.category_ids.tolist() == [3, 7]  # Roboflow's super-category is gone
    assert [truth.names[label] for label in truth.labels] == ["dog", "dog", "cat"]
    assert truth.frequencies is None and truth.absent is None and truth.incomplete is None


def test_what_lvis_knows_of_each_picture(tmp_path: Path) -> None:
    reader = lvis(tmp_path, scenes(4))
    path = reader.files[0]
    content = json.loads(path.read_text())
    content["images"].reverse()
    content["images"][0]["neg_category_ids"] = [content["categories"][1]["id"], 99999]
    content["images"][0]["not_exhaustive_category_ids"] = [content["categories"][0]["id"]]
    for one in content["categories"]:
        one["frequency"] = "r"
    path.write_text(json.dumps(content))
    assert isinstance(reader, CocoJson)
    truth = reader.truth()
    assert truth.frequencies == ["r"] * len(truth.names)
    assert truth.absent is not None and truth.incomplete is not None
    (image, category), *others = truth.absent.tolist()
    assert truth.image_ids[image] == content["images"][0]["id"]
    assert truth.category_ids[category] == content["categories"][1]["id"]
    assert [pair for pair in others if pair[0] == image] == []
    only = truth.of_images(truth.image_ids == content["images"][0]["id"])
    assert only.incomplete is not None
    assert only.incomplete.tolist()[0][0] == 0


def test_a_format_without_more_to_say_is_measured_by_its_index(
    tmp_path: Path, indexes: Path
) -> None:
    wanted = scenes(5)
    reader = voc(tmp_path, wanted)
    truth = truth_of(reader, open_index(reader, indexes))
    assert isinstance(truth, Truth)
    found = sorted(map(tuple, truth.boxes.tolist()))
    assert found == sorted(tuple(map(float, box)) for scene in wanted for box in scene.boxes)
    assert truth.areas.tolist() == (truth.boxes[:, 2] * truth.boxes[:, 3]).tolist()


def test_captions_of_any_format_have_phrases_to_find(tmp_path: Path, indexes: Path) -> None:
    wanted = scenes(5)
    for write in (mdetr, flickr):
        reader = write(tmp_path, wanted)
        index = open_index(reader, indexes)
        truth = truth_of(reader, index)
        assert isinstance(truth, PhraseTruth)
        corners = {tuple(map(float, box)) for scene in wanted for box in scene.corners()}
        assert set(map(tuple, truth.boxes.tolist())) == corners
        counts = np.diff(truth.phrases).tolist()
        assert counts == [len(index.phrases(row)) for row in range(len(index))]
        assert truth.of_images(truth.image_ids >= 0) is truth


@pytest.mark.parametrize("kept", [[0], [1, 3], []])
def test_a_part_of_the_truth(kept: list[int], tmp_path: Path) -> None:
    reader = lvis(tmp_path, scenes(5))
    assert isinstance(reader, CocoJson)
    whole = reader.truth()
    mask = np.isin(np.arange(5), kept)
    part = whole.of_images(mask)
    assert part.image_ids.tolist() == whole.image_ids[mask].tolist()
    for place, row in enumerate(kept):
        mine, its = part.images == place, whole.images == row
        assert part.boxes[mine].tolist() == whole.boxes[its].tolist()
    assert len(part.boxes) == sum(int((whole.images == row).sum()) for row in kept)
