import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from glip_pl.data.shapes import world
from glip_pl.data.shapes.vocabulary import SHAPES, UNSEEN
from glip_pl.data.shapes.world import World
from glip_pl.errors import UserError

SMALL = World(detection=6, captions=12, web=7, evaluation=5, side=96, seed=4)


TINY = World(detection=1, captions=1, web=1, evaluation=1, side=48, seed=4)


def digest(root: Path) -> str:
    """A hash of the names and contents of all files."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    joined = hashlib.sha256()
    for path in files:
        joined.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return joined.hexdigest()


def read(root: Path, name: str) -> dict[str, Any]:
    """The annotations of a subset."""
    content: dict[str, Any] = json.loads((root / "annotations" / f"{name}.json").read_text())
    return content


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small world, which tests only read."""
    root = tmp_path_factory.mktemp("small") / "w"
    SMALL.write(root)
    return root


def test_a_seed_always_gives_the_same_files(small: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert SMALL.write(again)
    assert digest(again) == digest(small)
    assert not SMALL.write(again)  # it is already there
    assert replace(SMALL, seed=5).write(again)  # another seed replaces it
    assert digest(again) != digest(small)
    assert not list(tmp_path.glob(".*"))  # no partial folder is left


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path) -> None:
    precious = tmp_path / "folder" / "file.txt"
    precious.parent.mkdir()
    precious.write_text("precious")
    with pytest.raises(UserError, match="no ShapesWorld"):
        SMALL.write(precious.parent)
    assert precious.read_text() == "precious"


def test_categories_are_shapes_and_spans_are_noun_phrases(small: Path) -> None:
    names = [category["name"] for category in read(small, "detection")["categories"]]
    assert names == list(SHAPES)
    captions = read(small, "captions")
    texts = {image["id"]: image["caption"] for image in captions["images"]}
    for annotation in captions["annotations"]:
        for start, end in annotation["tokens_positive"]:
            words = texts[annotation["image_id"]][start:end]
            assert any(shape in words for shape in SHAPES)
            assert words[0] != " " != words[-1]


def test_boxes_lie_inside_their_picture(small: Path) -> None:
    content = read(small, "detection")
    for image in content["images"]:
        picture = Image.open(small / "images/detection" / image["file_name"])
        assert picture.size == (image["width"], image["height"])
        for annotation in content["annotations"]:
            if annotation["image_id"] == image["id"]:
                x, y, width, height = annotation["bbox"]
                assert x >= 0 and y >= 0 and x + width <= 96 and y + height <= 96


def test_unseen_pairs_are_in_no_training_caption_and_in_every_held_out_picture(small: Path) -> None:
    unseen = read(small, "unseen")
    assert len(unseen["categories"]) == len(UNSEEN)
    assert {a["image_id"] for a in unseen["annotations"]} == {i["id"] for i in unseen["images"]}
    for image in read(small, "captions")["images"]:
        for colour, shape in UNSEEN:
            assert f"{colour} {shape}" not in image["caption"]


def test_writers_that_start_together_make_one_world(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(TINY.write, [tmp_path / "w"] * 3))
    TINY.write(tmp_path / "alone")
    assert digest(tmp_path / "w") == digest(tmp_path / "alone")
    assert not list(tmp_path.glob(".*"))


def test_a_failure_leaves_the_older_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TINY.write(tmp_path / "w")
    before = digest(tmp_path / "w")

    def fail(*arguments: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(world, "write_web", fail)
    with pytest.raises(OSError, match="disk is full"):
        replace(TINY, seed=5).write(tmp_path / "w")
    assert digest(tmp_path / "w") == before
    assert not list(tmp_path.glob(".*"))
