import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glip_pl.data.shapes import subsets
from glip_pl.data.shapes.painting import Thing
from glip_pl.data.shapes.scenes import SEEN
from glip_pl.data.shapes.subsets import ABSENT, RARITY, CocoWriter, draw_pairs
from glip_pl.data.shapes.vocabulary import COLOURS, RARE, SHAPES, SYNONYMS, UNSEEN


@pytest.fixture
def writer(tmp_path: Path) -> CocoWriter:
    return CocoWriter(tmp_path, Counter())


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_writer_saves_pictures_and_collects_coco(writer: CocoWriter) -> None:
    writer.set_categories(["star", "ring"])
    image_id = writer.add_image(Image.new("RGB", (30, 20), (1, 2, 3)), caption="a ring")
    writer.add_box(image_id, Thing("ring", "red", "plain", "small", (1, 2, 3, 4)), 2, score=0.5)
    assert json.loads(json.dumps(writer.content)) == {
        "categories": [{"id": 1, "name": "star"}, {"id": 2, "name": "ring"}],
        "images": [
            {"id": 1, "file_name": "000001.png", "height": 20, "width": 30, "caption": "a ring"}
        ],
        "annotations": [
            {
                "id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "area": 12,
                "iscrowd": 0, "score": 0.5,
            }
        ],
    }  # fmt: skip
    assert Image.open(writer.folder / "000001.png").getpixel((29, 19)) == (1, 2, 3)


def test_rare_pairs_are_seldom_drawn(random: np.random.Generator) -> None:
    drawn = draw_pairs(20_000, SEEN, random, RARITY)
    share = sum(pair in RARE for pair in drawn) / len(drawn)
    assert share == pytest.approx(len(RARE) / (len(RARE) + RARITY * (len(SEEN) - len(RARE))), 0.2)


def test_detection_has_a_category_for_each_shape(
    writer: CocoWriter, random: np.random.Generator
) -> None:
    subsets.detection(writer, 96, random)
    assert [category["name"] for category in writer.content["categories"]] == list(SHAPES)
    assert writer.content["annotations"]


def test_captions_count_the_pairs_that_they_show(
    writer: CocoWriter, random: np.random.Generator
) -> None:
    for _ in range(5):
        subsets.captions(writer, 96, random)
    assert sum(writer.shown.values()) > 5
    assert max(writer.shown.values()) <= 5  # a picture counts once for a pair
    (image, *_), annotations = writer.content["images"], writer.content["annotations"]
    spans = [phrase[0] for phrase in image["tokens_positive_eval"]]
    boxes = [box for box in annotations if box["image_id"] == 1]
    assert {tuple(box["tokens_positive"][0]) for box in boxes} == set(map(tuple, spans))


@pytest.mark.parametrize(
    ("subset", "names"),
    [
        (subsets.rare, {" ".join(pair) for pair in RARE}),
        (subsets.unseen, {" ".join(pair) for pair in UNSEEN}),
        (subsets.synonyms, set(SYNONYMS.values())),
    ],
)
def test_held_out_pictures_show_a_pair_of_their_categories(
    subset: subsets.Subset, names: set[str], writer: CocoWriter, random: np.random.Generator
) -> None:
    for _ in range(4):
        subset(writer, 96, random)
    assert {category["name"] for category in writer.content["categories"]} == names
    assert {box["image_id"] for box in writer.content["annotations"]} == {1, 2, 3, 4}


def test_the_vocabulary_lists_frequencies_and_absent_pairs(
    writer: CocoWriter, random: np.random.Generator
) -> None:
    pairs = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    writer.shown.update({pairs[0]: 2, pairs[1]: 19, pairs[2]: 20, pairs[3]: 40, pairs[4]: 50})
    subsets.vocabulary(writer, 96, random)
    frequencies = [category["frequency"] for category in writer.content["categories"]]
    assert frequencies[:6] == ["r", "c", "f", "f", "f", "r"]  # the median of those shown is 20
    (image,) = writer.content["images"]
    present = {box["category_id"] for box in writer.content["annotations"]}
    assert len(set(image["neg_category_ids"])) == ABSENT
    assert not present & set(image["neg_category_ids"])
