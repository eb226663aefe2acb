import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.coco_tables import read_images
from glip_pl.data.formats.lvis_lists import image_lists, pairs_of, read_frequencies
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError
from tests.data.formats.writers import lvis, scenes


def write(file: Path, **lists: Any) -> Path:
    """Two images, of which the first has the larger id and these lists of categories."""
    size = {"file_name": "a.jpg", "height": 9, "width": 9}
    images = [{"id": 8, **size, **lists}, {"id": 3, **size, "neg_category_ids": [5]}]
    categories = [{"id": 5, "name": "a", "frequency": "c"}, {"id": 6, "name": "b"}]
    file.write_text(json.dumps({"images": images, "categories": categories}))
    return file


def test_frequencies_are_in_the_order_of_the_ids_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path / "lvis.json")
    assert read_frequencies(file, [6, 5]) == ["", "c"]
    content = json.loads(file.read_text())
    del content["categories"][0]["frequency"]
    file.write_text(json.dumps(content))
    assert read_frequencies(file, [6, 5]) is None


def test_pairs_have_positions_of_images_and_labels_of_categories(tmp_path: Path) -> None:
    lists = {"neg_category_ids": [6, 999], "not_exhaustive_category_ids": [5, 6]}
    file = write(tmp_path / "lvis.json", **lists)
    images = read_images(file, Problems())
    absent, incomplete = pairs_of(images, np.asarray([1, 0]), [5, 6])
    assert absent.tolist() == [[1, 1], [0, 0]]  # the unknown category 999 is left out
    assert incomplete.tolist() == [[1, 0], [1, 1]]


def test_malformed_lists_are_named(tmp_path: Path) -> None:
    cases: list[Any] = [["x"], 3, [None], [{}]]
    for wrong in cases:
        file = write(tmp_path / "lvis.json", neg_category_ids=wrong)
        with pytest.raises(UserError, match="entry 0 of `images` is malformed"):
            read_images(file, Problems())


def test_absent_is_what_was_looked_for_and_has_no_box(tmp_path: Path) -> None:
    present, label_of = np.asarray([0]), {5: 0, 6: 1, 7: 2, 8: 3}

    def lists(**given: Any) -> tuple[list[int] | None, list[int] | None]:
        images = read_images(write(tmp_path / "lists.json", **given), Problems())
        found = image_lists(images, 0, label_of, present)
        return tuple(None if one is None else one.tolist() for one in found)  # type: ignore[return-value]  # two

    assert lists() == (None, None)  # all were looked for
    assert lists(looked_for_category_ids=None) == ([], [])
    assert lists(looked_for_category_ids=[8, 5, 6, 99]) == ([1, 3], [])
    assert lists(neg_category_ids=[6], looked_for_category_ids=[5]) == ([1], [])
    # LVIS's lists contradict each other nowhere; what has a box or is not exhaustive is not absent.
    assert lists(neg_category_ids=[5, 6, 7], not_exhaustive_category_ids=[6, 5]) == ([2], [0, 1])
    assert lists(not_exhaustive_category_ids=[6]) == (None, [1])


def test_the_ground_truth_of_lvis_has_frequencies_and_pairs(tmp_path: Path) -> None:
    reader = lvis(tmp_path, scenes(4))
    path = reader.files[0]
    content = json.loads(path.read_text())
    content["images"].reverse()
    content["images"][0]["neg_category_ids"] = [content["categories"][1]["id"], 99999]
    content["images"][0]["not_exhaustive_category_ids"] = [content["categories"][0]["id"]]
    for category_entry in content["categories"]:
        category_entry["frequency"] = "r"
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
