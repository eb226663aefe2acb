from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from glip_pl.data.shapes.referring import referring
from glip_pl.data.shapes.subsets import CocoWriter
from glip_pl.data.shapes.vocabulary import SHAPES, UNSEEN

PICTURES = 30

Content = dict[str, Any]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    writer = CocoWriter(tmp_path_factory.mktemp("referring"), Counter())
    for number in range(PICTURES):
        referring(writer, 96, np.random.default_rng(number))
    assert sorted(path.name for path in writer.folder.iterdir()) == [
        f"{number:06d}.png" for number in range(1, PICTURES + 1)
    ]
    return writer.content


def is_true(relation: str, box: list[int], other: list[int]) -> bool:
    """Whether the first box lies clearly on this side of the other one."""
    dx, dy = (other[axis] + other[axis + 2] / 2 - box[axis] - box[axis + 2] / 2 for axis in (0, 1))
    along, across = (dx, dy) if relation in ("left of", "right of") else (dy, dx)
    along = -along if relation in ("right of", "below") else along
    return along > 1.5 * abs(across)


def parsed(caption: str) -> tuple[str, str, str]:
    """The name of the object, its relation and the name of the other object."""
    relation = next(
        words for words in ("left of", "right of", "above", "below") if words in caption
    )
    name, other = caption.split(f" {relation} ")
    return name.removeprefix("the "), relation, other.removeprefix("an ").removeprefix("a ")


def test_a_picture_has_two_rivals_that_only_relations_tell_apart(content: Content) -> None:
    entries = list(zip(content["images"], content["annotations"], strict=True))
    assert len(entries) == 3 * PICTURES
    for first, second, third in zip(entries[::3], entries[1::3], entries[2::3], strict=True):
        assert first[0]["file_name"] == second[0]["file_name"] == third[0]["file_name"]
        assert [entry[1]["kind"] for entry in (first, second, third)] == [
            "relation", "relation", "attributes",
        ]  # fmt: skip
        boxes = [entry[1]["bbox"] for entry in (first, second, third)]
        name, relation, landmark = parsed(first[0]["caption"])
        other_name, other_relation, other_landmark = parsed(second[0]["caption"])
        assert (name, landmark) == (other_name, other_landmark)
        assert is_true(relation, boxes[0], boxes[2]) and not is_true(relation, boxes[1], boxes[2])
        assert is_true(other_relation, boxes[1], boxes[2])
        assert not is_true(other_relation, boxes[0], boxes[2])
        assert parsed(third[0]["caption"])[::2] == (landmark, name)
        assert is_true(parsed(third[0]["caption"])[1], boxes[2], boxes[0])


def test_marked_are_the_words_before_the_relation(content: Content) -> None:
    for image, annotation in zip(content["images"], content["annotations"], strict=True):
        ((start, end),) = annotation["tokens_positive"]
        name, relation, other = parsed(image["caption"])
        assert image["caption"][start:end] == f"the {name}"
        assert name.split()[-1] in SHAPES and name.split()[-1] != other.split()[-1]
        assert tuple(name.split()) not in UNSEEN
        assert relation


def test_a_seed_always_gives_the_same_picture(tmp_path: Path) -> None:
    writer = CocoWriter(tmp_path, Counter())
    for _ in range(2):
        referring(writer, 64, np.random.default_rng(3))
    first, second = (Image.open(tmp_path / f"00000{number}.png").tobytes() for number in (1, 2))
    assert first == second
    captions = [image["caption"] for image in writer.content["images"]]
    assert captions[:3] == captions[3:]
