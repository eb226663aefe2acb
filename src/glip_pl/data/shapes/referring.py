"""Referring expressions of ShapesWorld: only a relation tells two objects of a picture apart."""

import numpy as np

from glip_pl.data.shapes.painting import Thing, background
from glip_pl.data.shapes.scenes import SEEN, Draft, Pair, clear_relation, draft, paint_draft
from glip_pl.data.shapes.subsets import RARITY, CocoWriter, draw_pairs
from glip_pl.data.shapes.vocabulary import OPPOSITES


def referring(writer: CocoWriter, side: int, random: np.random.Generator) -> None:
    """A picture with three captions, each of which refers to one object by a relation.

    Two objects, the rivals, have the same colour and shape, and a landmark has a shape of its own.
    Each rival has a caption that is true of it alone: whoever ignores relations and chooses a rival
    is right half of the time. The third caption is about the landmark, which attributes identify.
    """
    drafts, relations = _layout(side, random)
    picture = background(side, random)
    for placed in drafts:
        paint_draft(picture, placed, random)
    first, second, landmark, *_ = (placed.thing for placed in drafts)
    rival_name = f"{first.colour} {first.shape}"
    name = landmark.shape if random.random() < 0.5 else f"{landmark.colour} {landmark.shape}"
    writer.add_image(picture, **_caption(rival_name, relations[0], name))
    _refer(writer, first, rival_name, "relation")
    writer.add_caption(picture, **_caption(rival_name, relations[1], name))
    _refer(writer, second, rival_name, "relation")
    writer.add_caption(picture, **_caption(name, OPPOSITES[relations[0]], rival_name))
    _refer(writer, landmark, name, "attributes")


def _caption(name: str, relation: str, other: str) -> dict[str, object]:
    """The fields of a picture's entry: a caption about an object, and where it lies."""
    caption = f"the {name} {relation} {'an' if other[0] in 'aeiou' else 'a'} {other}"
    negative = [[0, len(caption)]]  # as in the published files
    return {"caption": caption, "tokens_negative": negative, "dataset_name": "shapes"}


def _refer(writer: CocoWriter, thing: Thing, name: str, kind: str) -> None:
    """Add the box to which the last caption refers; marked are its first words, "the <name>"."""
    image_id = len(writer.content["images"])
    root = [[0, len("the ") + len(name)]]
    writer.add_box(image_id, thing, 1, tokens_positive=root, kind=kind)


def _layout(side: int, random: np.random.Generator) -> tuple[list[Draft], tuple[str, str]]:
    """Two rivals, the landmark and up to two other objects; how each rival lies to the landmark."""
    while True:
        drafts: list[Draft] = []
        for number, pair in enumerate(_pairs(random)):
            placed = draft(pair, [one.thing.box for one in drafts], side, random)
            if placed is not None:
                drafts.append(placed)
            elif number < 3:
                break
        if len(drafts) >= 3:
            relations = _unique_relations(*(placed.thing for placed in drafts[:3]))
            if relations is not None:
                return drafts, relations


def _pairs(random: np.random.Generator) -> list[Pair]:
    """Pairs of two rivals, of a landmark whose shape is its own, and of two other objects."""
    (rival,) = draw_pairs(1, SEEN, random, RARITY)
    (landmark,) = draw_pairs(1, [pair for pair in SEEN if pair[1] != rival[1]], random, RARITY)
    others = [pair for pair in SEEN if pair != rival and pair[1] != landmark[1]]
    return [rival, rival, landmark, *draw_pairs(int(random.integers(3)), others, random, RARITY)]


def _unique_relations(first: Thing, second: Thing, landmark: Thing) -> tuple[str, str] | None:
    """How two rivals lie to the landmark; None unless each is true of that rival alone."""
    of_first, of_second = (clear_relation(rival, landmark) for rival in (first, second))
    if of_first is None or of_second is None:
        return None
    if _is_towards(second, of_first, landmark) or _is_towards(first, of_second, landmark):
        return None
    return of_first, of_second


def _is_towards(thing: Thing, relation: str, landmark: Thing) -> bool:
    """Whether an object's centre is on this side of the landmark's, however slightly."""
    (x, y), (other_x, other_y) = thing.center, landmark.center
    distances = {
        "left of": other_x - x,
        "right of": x - other_x,
        "above": other_y - y,
        "below": y - other_y,
    }
    return distances[relation] > 0
