from itertools import combinations

import numpy as np
import pytest

from glip_pl.data.shapes.painting import Thing
from glip_pl.data.shapes.scenes import SEEN, scene, sentence

LEFT = Thing("star", "red", "plain", "small", (0, 40, 10, 10))
RIGHT = Thing("ring", "blue", "dotted", "large", (60, 40, 10, 10))
BELOW = Thing("moon", "red", "plain", "large", (0, 80, 10, 10))
TWINS = [
    Thing("cross", "orange", "plain", "small", (0, 0, 10, 10)),
    Thing("cross", "orange", "plain", "small", (40, 0, 10, 10)),
]


def test_things_lie_apart_inside_the_picture() -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        picture, things = scene(96, SEEN[:6], random)
        assert picture.size == (96, 96)
        for thing in things:
            x, y, width, height = thing.box
            assert x >= 0 and x + width <= 96 and y >= 0 and y + height <= 96
            assert (thing.colour, thing.shape) in SEEN[:6]
        for (x, y, width, height), (x2, y2, width2, height2) in combinations(
            [thing.box for thing in things], 2
        ):
            apart_in_x = x + width < x2 or x2 + width2 < x
            assert apart_in_x or y + height < y2 or y2 + height2 < y


def test_a_full_picture_gets_no_more_things() -> None:
    _, things = scene(60, [("red", "circle")] * 40, np.random.default_rng(0))
    assert 1 < len(things) < 40


def test_phrases_refer_to_all_things_that_their_words_describe() -> None:
    things = [LEFT, RIGHT, *TWINS]
    random = np.random.default_rng(0)
    for _ in range(200):
        caption, phrases = sentence(things, random)
        referred = [index for phrase in phrases for index in phrase.things]
        assert len(set(referred)) == len(referred)
        for (start, end), described in phrases:
            words = caption[start:end].split()
            shape = words[-1].removesuffix("es") if len(described) > 1 else words[-1]
            adjectives = set(words[1:-1])
            assert described == [
                index
                for index, thing in enumerate(things)
                if thing.shape == shape and adjectives <= {thing.colour, thing.texture, thing.size}
            ]
            assert words[0] == ("two" if len(described) == 2 else words[0])


def test_articles_and_plurals_are_correct() -> None:
    captions = {
        sentence(TWINS[:count], np.random.default_rng(seed))[0]
        for count in (1, 2)
        for seed in range(40)
    }
    assert {"an orange cross.", "two orange crosses.", "a small orange cross."} <= captions
    assert all(caption.endswith(".") and caption == caption.strip() for caption in captions)


@pytest.mark.parametrize(
    ("other", "relation", "inverse"),
    [(RIGHT, "left of", "right of"), (BELOW, "above", "below")],
)
def test_relations_are_those_of_the_centers(other: Thing, relation: str, inverse: str) -> None:
    captions = [sentence([LEFT, other], np.random.default_rng(seed))[0] for seed in range(40)]
    for caption in captions:
        star_first = caption.find("star") < caption.find(other.shape)
        assert (inverse if star_first else relation) not in caption
    assert any(relation in caption for caption in captions)
    assert any(inverse in caption for caption in captions)
