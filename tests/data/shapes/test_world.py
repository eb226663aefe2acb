import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.indexing import open_index
from glip_pl.data.shapes.painting import mask
from glip_pl.data.shapes.scenes import SEEN
from glip_pl.data.shapes.subsets import RARITY, draw_pairs
from glip_pl.data.shapes.vocabulary import COLOURS, RARE, SHAPES, SYNONYMS, UNSEEN
from glip_pl.data.shapes.web_pairs import AFTER, BEFORE
from glip_pl.data.shapes.world import World
from glip_pl.errors import UserError

SMALL = World(detection=6, captions=12, web=7, evaluation=5, side=96, seed=4)


def digest(root: Path) -> str:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    joined = hashlib.sha256()
    for path in files:
        joined.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return joined.hexdigest()


def read(root: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "annotations" / f"{name}.json").read_text())
    return content


def test_a_seed_makes_the_world(tmp_path: Path) -> None:
    assert SMALL.write(tmp_path / "a")
    assert SMALL.write(tmp_path / "b")
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert not SMALL.write(tmp_path / "a")  # it is there
    other = World(detection=6, captions=12, web=7, evaluation=5, side=96, seed=5)
    assert other.write(tmp_path / "a")  # another seed replaces it
    assert digest(tmp_path / "a") != digest(tmp_path / "b")
    assert not list(tmp_path.glob(".*"))  # no half-made folder stays


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path) -> None:
    precious = tmp_path / "mine" / "file.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    with pytest.raises(UserError, match="no ShapesWorld"):
        SMALL.write(precious.parent)
    assert precious.read_text() == "mine"


def test_detection_knows_shapes_and_captions_slice_back(tmp_path: Path) -> None:
    SMALL.write(tmp_path / "w")
    names = [category["name"] for category in read(tmp_path / "w", "detection")["categories"]]
    assert names == list(SHAPES)
    captions = read(tmp_path / "w", "captions")
    texts = {image["id"]: image["caption"] for image in captions["images"]}
    for annotation in captions["annotations"]:
        for start, end in annotation["tokens_positive"]:
            words = texts[annotation["image_id"]][start:end]
            assert any(shape in words for shape in SHAPES)
            assert words[0] != " " != words[-1]


def test_boxes_fit_their_things_tightly(tmp_path: Path) -> None:
    SMALL.write(tmp_path / "w")
    content = read(tmp_path / "w", "detection")
    for image in content["images"]:
        picture = Image.open(tmp_path / "w/images/detection" / image["file_name"])
        assert picture.size == (image["width"], image["height"])
        for annotation in content["annotations"]:
            if annotation["image_id"] == image["id"]:
                x, y, width, height = annotation["bbox"]
                assert x >= 0 and y >= 0 and x + width <= 96 and y + height <= 96
    for shape in SHAPES:
        coverage = np.asarray(mask(shape, 20, 0.2)) > 100
        assert coverage[[0, -1]].any(1).all()
        assert coverage[:, [0, -1]].any(0).all()


def test_held_out_pairs_are_never_in_training_and_always_asked_for(tmp_path: Path) -> None:
    assert not set(SEEN) & UNSEEN
    assert {shape for _, shape in UNSEEN} == set(SHAPES)
    assert {colour for colour, _ in UNSEEN} == set(COLOURS)
    assert set(SYNONYMS) <= set(SEEN)
    SMALL.write(tmp_path / "w")
    unseen = read(tmp_path / "w", "unseen")
    assert len(unseen["categories"]) == len(UNSEEN)
    assert {a["image_id"] for a in unseen["annotations"]} == {i["id"] for i in unseen["images"]}
    for image in read(tmp_path / "w", "captions")["images"]:
        for colour, shape in UNSEEN:
            assert f"{colour} {shape}" not in image["caption"]


def test_rare_pairs_are_one_of_every_colour_and_shape_and_seldom_drawn() -> None:
    assert not RARE & (UNSEEN | set(SYNONYMS))
    assert {shape for _, shape in RARE} == set(SHAPES)
    assert {colour for colour, _ in RARE} == set(COLOURS)
    drawn = draw_pairs(20_000, SEEN, np.random.default_rng(0), RARITY)
    share = sum(pair in RARE for pair in drawn) / len(drawn)
    assert share == pytest.approx(len(RARE) / (len(RARE) + RARITY * (len(SEEN) - len(RARE))), 0.2)


def test_web_shards_hold_captions_without_boxes(tmp_path: Path) -> None:
    World(detection=1, captions=1, web=40, evaluation=1, side=96, seed=4).write(tmp_path / "w")
    reader = WebShards(f"{tmp_path}/w/web/*.tar")
    index = open_index(reader, tmp_path / "index")
    assert len(index) == 40
    assert index.captioned.all()
    assert not len(index.boxes.values)
    texts = [index.captions[row] for row in range(40)]
    assert any(any(text.startswith(one) for one in BEFORE) for text in texts)
    assert any(any(text.endswith(one.strip()) for one in AFTER) for text in texts)
    for text in texts:
        assert any(shape in text.lower() for shape in SHAPES)
    assert reader.open_images().load(index.images[3]).size == (96, 96)
