"""The evidence below a picture of an evaluation."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from glip_pl.inference.decoding import Decoder
from glip_pl.inference.drawing import comparison
from glip_pl.inference.evidence_sheet import with_evidence
from glip_pl.inference.prompt_output import PromptOutput
from glip_pl.types import Batch, Prompt
from tests.inference.test_decoding import batch, output

MASKS = torch.tensor([[True, True, False], [False, False, True]])


def shown(probability: float, truth: list[int]) -> Image.Image:
    """The sheet of an image where the first phrase has this logit at one anchor."""
    out = output(words=3)
    out.alignment[0, 9, :2] = probability
    prompt = Prompt("red star. cat", (((0, 8),), ((10, 13),)))
    boxes = [torch.tensor([[5.0, 5, 20, 20]]).repeat(len(truth), 1)]
    single: Batch = replace(
        batch(MASKS), prompts=[prompt], phrase_ids=[torch.tensor(truth, dtype=torch.int64)],
        boxes=boxes,
    )  # fmt: skip
    (found,) = Decoder()(out, single)
    part = PromptOutput(out, 0, MASKS, ("red", "star", "cat"), torch.eye(3, dtype=torch.bool))
    sheet = comparison(single, 0, found, 0.3)
    both = with_evidence(sheet, single, 0, found, 0.3, part)
    assert both.width == sheet.width
    assert np.array_equal(np.asarray(both)[: sheet.height], np.asarray(sheet))
    return both.crop((0, sheet.height, both.width, both.height))


def test_words_of_found_and_true_phrases_have_maps_and_boxes_have_a_line() -> None:
    below = {
        "found": shown(5.0, []), "true": shown(-5.0, [1]), "both": shown(5.0, [1]),
        "nothing": shown(-5.0, []),
    }  # fmt: skip
    maps = {name: _maps(picture) for name, picture in below.items()}
    assert maps == {"found": 2, "true": 1, "both": 3, "nothing": 0}
    assert below["found"].height - below["true"].height == 22  # the line of the box
    assert below["nothing"].height < 22


def _maps(picture: Image.Image) -> int:
    """The number of heat maps: they are not white."""
    pixels = np.asarray(picture)
    quarter = pixels.shape[1] / 4
    middles = [int((number + 0.5) * quarter) for number in range(4)]
    return sum(int((pixels[30:100, middle] < 250).any()) for middle in middles)
