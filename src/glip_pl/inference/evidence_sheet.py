"""Adds the evidence by word to a picture of an evaluation."""

import torch
from PIL import Image

from glip_pl.inference.drawing import captioned, image_of, row, titled
from glip_pl.inference.heat_maps import cell_side, heat_maps, map_title, overlay
from glip_pl.inference.prompt_output import PromptOutput
from glip_pl.types import Batch, Detections

MAPS = 4
"""Number of words whose heat maps are shown."""

BOXES = 5
"""Number of boxes whose word scores are listed, the best."""


def with_evidence(
    sheet: Image.Image,
    batch: Batch,
    index: int,
    detections: Detections,
    threshold: float,
    evidence: PromptOutput,
) -> Image.Image:
    """The sheet of an image with heat maps below it, and each word's score of the best boxes.

    The maps are those of the words that score highest, in phrases that are shown.
    """
    shown = detections.above(threshold).best(BOXES)
    phrases = torch.cat([batch.phrase_ids[index].cpu(), shown.phrase_ids.cpu()]).unique()
    used = evidence.words_of(phrases)
    maps = _maps(batch, index, evidence, used, (sheet.width - 6 * (MAPS - 1)) // MAPS)
    if maps:
        below = row(maps)
        joined = Image.new("RGB", (sheet.width, sheet.height + below.height), "white")
        joined.paste(sheet, (0, 0))
        joined.paste(below, (0, sheet.height))
        sheet = joined
    return captioned(sheet, *_lines(batch, index, shown, evidence))


def _maps(
    batch: Batch, index: int, evidence: PromptOutput, used: list[int], width: int
) -> list[Image.Image]:
    """Pictures of this width with the heat maps of the best of some words, each text once."""
    scores = evidence.word_scores()
    height_in, width_in = batch.sizes[index].tolist()
    all_maps = heat_maps(scores, evidence.output, (int(height_in), int(width_in)))
    by_text: dict[str, list[int]] = {}
    for word in used:
        by_text.setdefault(evidence.words[word].casefold(), []).append(word)
    best = sorted(by_text, key=lambda text: -float(all_maps[by_text[text]].max()))[:MAPS]
    cell = cell_side(evidence.output)
    image = image_of(batch, index)
    small = image.resize((width, max(1, round(image.height * width / image.width))))
    pictures = []
    for text in best:
        words = all_maps[by_text[text]].amax(0)
        covered = height_in / cell, width_in / cell
        pictures.append(titled(overlay(small, words, covered), map_title(text, words)))
    return pictures


def _lines(batch: Batch, index: int, shown: Detections, evidence: PromptOutput) -> list[str]:
    """The phrase, score and word scores of each box."""
    assert shown.anchors is not None  # those of a decoder are known
    prompt = batch.prompts[index]
    scores = evidence.word_scores(shown.anchors.cpu()).tolist()
    lines = []
    for phrase, score, of_words in zip(
        shown.phrase_ids.tolist(), shown.scores.tolist(), scores, strict=True
    ):
        words = [
            f"{evidence.words[word]} {of_words[word]:.2f}"
            for word in evidence.words_of(torch.tensor([phrase]))
        ]
        lines.append(f"{prompt.phrase_text(phrase)} {score:.2f}: {', '.join(words)}")
    return lines
