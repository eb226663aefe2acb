"""Every picture of the subset `attributes` has rivals: one shape in several colours."""

from collections import Counter
from pathlib import Path

import numpy as np

from glip_pl.data.shapes.attributes import PAIRS, RIVALS, attributes
from glip_pl.data.shapes.subsets import CocoWriter
from glip_pl.data.shapes.vocabulary import RARE, UNSEEN
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import Tokenizer, check_budget


def test_a_shape_has_several_colours_in_most_pictures(tmp_path: Path, tokenizer: Tokenizer) -> None:
    writer = CocoWriter(tmp_path, Counter())
    for number in range(30):
        attributes(writer, 160, np.random.default_rng(number))
    names = [category["name"] for category in writer.content["categories"]]
    assert len(set(names)) == len(names) == 48
    assert not {tuple(name.split()) for name in names} & (UNSEEN | RARE)
    check_budget(tokenizer, names_prompt(names))  # all names fit one prompt
    most = []
    for image in writer.content["images"]:
        boxes = [one for one in writer.content["annotations"] if one["image_id"] == image["id"]]
        pairs = {names[one["category_id"] - 1] for one in boxes}
        colours = Counter(name.split()[1] for name in pairs)
        most.append(max(colours.values()))
    assert sum(count >= RIVALS for count in most) > 20  # others had no space
    assert {(colour, shape) for colour, shape in PAIRS} == {tuple(name.split()) for name in names}
