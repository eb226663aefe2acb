import hashlib
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from glip_pl.data.shapes import world
from glip_pl.data.shapes.vocabulary import SHAPES, UNSEEN
from glip_pl.data.shapes.world import MANIFEST, World
from glip_pl.errors import UserError

SMALL = World(detection=6, captions=12, web=7, evaluation=5, side=96, seed=4, relations=2)


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


def files(root: Path) -> list[str]:
    """The files of a folder, by their paths from it."""
    return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]


def test_a_world_knows_its_files(small: Path) -> None:
    names = files(small)
    assert all(SMALL.writes(name) for name in names)
    fewer = replace(SMALL, detection=5, web=0)
    assert {name for name in names if not fewer.writes(name)} == {
        "images/detection/000006.png",
        "images/outlines/000006.png",
        "web/00000.tar",
    }
    assert not any(SMALL.writes(name) for name in ("web/00001.tar", "images/seen/000000.png"))


@pytest.mark.parametrize(
    "name", ["notes.txt", "images/seen/000002.png", "images/mine/000001.png", "web/00001.tar"]
)
def test_a_world_with_a_file_of_someone_else_is_never_replaced(tmp_path: Path, name: str) -> None:
    root = tmp_path / "w"
    TINY.write(root)
    before = digest(root)
    precious = root / name
    precious.parent.mkdir(exist_ok=True)
    precious.write_text("precious")
    with pytest.raises(UserError, match=rf"{name}, which is not part of it; move that file away"):
        replace(TINY, seed=5).write(root)
    assert precious.read_text() == "precious"
    assert not TINY.write(root)  # with its own settings it is used as it is
    precious.unlink()
    assert digest(root) == before
    assert replace(TINY, seed=5).write(root)


def test_a_file_that_comes_while_the_world_is_made_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "w"
    TINY.write(root)
    monkeypatch.setattr(world, "write_web", lambda *arguments: (root / "late").write_text("mine"))
    with pytest.raises(UserError, match="late, which is not part of it"):
        replace(TINY, seed=5).write(root)
    assert (root / "late").read_text() == "mine"


@pytest.mark.parametrize(
    "manifest", ["", "[]", '{"version": 1}', '{"version": 1, "detection": "many"}', "[" * 200_000]
)
def test_a_world_with_an_unknown_manifest_is_never_replaced(tmp_path: Path, manifest: str) -> None:
    root = tmp_path / "w"
    TINY.write(root)
    (root / MANIFEST).write_text(manifest)
    with pytest.raises(UserError, match="which is not part of it"):
        TINY.write(root)
    assert (root / "annotations/seen.json").is_file()


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("precious")
    with pytest.raises(UserError, match="no ShapesWorld"):
        TINY.write(tmp_path / "w")


def test_what_a_killed_process_left_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(world, "write_web", killed)  # in the child only
            TINY.write(tmp_path / "w")
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    assert list(tmp_path.glob(".w.*"))
    TINY.write(tmp_path / "w")
    assert not list(tmp_path.glob(".*"))


def test_a_world_behind_a_link_is_replaced_where_it_is(tmp_path: Path) -> None:
    TINY.write(tmp_path / "disk/w")
    (tmp_path / "w").symlink_to(tmp_path / "disk/w")
    assert replace(TINY, seed=5).write(tmp_path / "w")
    assert (tmp_path / "w").is_symlink()
    assert not replace(TINY, seed=5).write(tmp_path / "disk/w")


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
