"""Examples instead of words: boxes in pictures become rows of a prompt (models/visual_prompts.py).

What is encoded is a query like any other, or a learned prompt's file, so that whatever takes a text
takes examples too.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from glip_pl.boxes import clip, scale_to
from glip_pl.errors import UserError
from glip_pl.inference.encoded_query import EncodedQuery
from glip_pl.inference.image_input import ImageInput, image_sources, is_single
from glip_pl.inference.large_vocabulary import Question
from glip_pl.inference.learned_prompt import LearnedPrompt, learned_prompt
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.placeholders import PLACEHOLDER
from glip_pl.prompts.prompt_from_text import (
    Wording,
    clean_name,
    detection_prompt,
    text_prompt,
    wordings_of,
)
from glip_pl.prompts.query import names_query
from glip_pl.prompts.tokens import Tokenizer, name_lengths, tokenize
from glip_pl.types import Batch, Examples

NAME = "example"
"""The name of what is shown by boxes without a name."""

Boxes = Any
"""[x1, y1, x2, y2], a list of these, or a dictionary of these by name."""


@dataclass(frozen=True, eq=False)
class ExamplePicture:
    """A picture with example boxes of some names; x2 - x1 is a box's width."""

    image: Image.Image  # RGB
    boxes: Mapping[str, Tensor]  # (N, 4) float32 corners in pixels, N at least 1


def example_pictures(like: ImageInput, boxes: Boxes) -> list[ExamplePicture]:
    """Pictures with their examples as a caller gives them; for several, `boxes` is a list as long.

    Raises UserError if a picture cannot be read, or a box does not lie in its picture.
    """
    sources = list(image_sources(like))
    each = [boxes] if is_single(like) else boxes
    if not isinstance(each, list | tuple) or len(each) != len(sources):
        count = len(each) if isinstance(each, list | tuple) else "no list"
        raise UserError(
            f"like= has {len(sources)} pictures and boxes= {count}: give the boxes of each, "
            "boxes=[<those of the first picture>, <those of the second>]"
        )
    found = []
    for source, given in zip(sources, each, strict=True):
        image = source.open()
        named = given if isinstance(given, Mapping) else {NAME: given}
        if not named:
            raise UserError(f"boxes= names nothing in {source.name}: {_ACCEPTED}")
        for name in named:
            _check_name(str(name))
        found.append(
            ExamplePicture(
                image, {str(name): _corners(one, image, source.name) for name, one in named.items()}
            )
        )
    return found


_ACCEPTED = "give [x1,y1,x2,y2], a list of these, or {name: [x1,y1,x2,y2]}"


def _check_name(name: str) -> None:
    """Raise UserError if no words are left of the name of what boxes show."""
    if not clean_name(name).strip():
        raise UserError(
            f"no words are left of the name {name!r:.80} in boxes=: text in parentheses is not "
            "part of a name. Write the words without parentheses"
        )


def _corners(given: Any, image: Image.Image, picture: str) -> Tensor:
    """Boxes (N, 4) of one name. Raises UserError if one does not lie in the picture."""
    try:
        corners = torch.as_tensor(given, dtype=torch.float32)
        corners = corners[None] if corners.dim() == 1 else corners
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise UserError(f"boxes={given!r:.80}: {_ACCEPTED}") from error
    if corners.dim() != 2 or corners.shape[1] != 4 or not len(corners):
        raise UserError(f"boxes={given!r:.80}: {_ACCEPTED}")
    limits = corners.new_tensor([image.width, image.height])
    low, high = corners[:, :2].clamp(min=0), torch.minimum(corners[:, 2:], limits)
    wrong = ~(corners.isfinite().all(1) & (low < high).all(1))
    if wrong.any():
        raise UserError(
            f"{corners[wrong][0].tolist()} is no box in {picture}, which has {image.width} x "
            f"{image.height} pixels: x1 < x2 and y1 < y2 are needed (the setting `boxes`)"
        )
    return corners


def example_rows(
    model: GLIP, batch_of: Callable[[Image.Image], Batch], pictures: Sequence[ExamplePicture]
) -> dict[str, Tensor]:
    """A row (C,) of token features for each name: the mean over its examples in all pictures."""
    rows: dict[str, list[Tensor]] = {}
    for picture in pictures:
        batch = batch_of(picture.image)
        levels = model.encode_image(batch.images, batch.sizes)
        height, width = (int(side) for side in batch.sizes[0])
        size = (picture.image.height, picture.image.width)
        for name, corners in picture.boxes.items():
            inner = clip(corners - corners.new_tensor([0.0, 0.0, 1.0, 1.0]), *size)
            boxes = scale_to(inner, size, (height, width)).to(levels[0].device)
            rows.setdefault(name, []).extend(model.encode_examples(levels, _each(boxes)))
    return {name: torch.stack(of_name).mean(0) for name, of_name in rows.items()}


def words_beside(what: Any) -> list[str]:
    """The names that are searched for by words, beside examples: a text's phrases, or a list.

    Raises UserError for anything else, which is encoded already.
    """
    if what is None:
        return []
    if isinstance(what, str):
        prompt = text_prompt(what)
        return [prompt.phrase_text(index) for index in range(len(prompt.phrases))]
    if isinstance(what, list | tuple) and all(isinstance(name, str) for name in what):
        return list(what)
    raise UserError("beside like= and boxes= there can be a text or a list of names, nothing else")


def _each(boxes: Tensor) -> Examples:
    """Boxes (E, 4) in the only picture of a batch, each with a row of its own."""
    numbers = torch.arange(len(boxes), device=boxes.device)
    none = numbers[:0]
    return Examples(torch.zeros_like(numbers), boxes, numbers, len(boxes), none, none)


def visual_query(
    model: GLIP, tokenizer: Tokenizer, words: Sequence[str], rows: Mapping[str, Tensor]
) -> EncodedQuery:
    """A query of `words`, then of the other names of `rows` (C,).

    A name that has a row is not read: the row stands in for it. Raises UserError if a name is
    listed twice, or as `names_query` does for a name that is read.
    """
    names = [*words, *(name for name in rows if name not in words)]
    counts = Counter(name.casefold() for name in words)
    twice = [name for name in words if counts[name.casefold()] > 1]
    if twice:
        count = counts[twice[0].casefold()]
        raise UserError(f"{twice[0]!r} is listed {count} times: list it once")
    unshown = [name for name in words if name not in rows]
    if unshown:
        names_query(unshown, tokenizer)
    read = [Wording(PLACEHOLDER if name in rows else clean_name(name)) for name in names]
    lengths = name_lengths(tokenizer, [wording.text for wording in read])
    parts = chunks(read, lengths)
    questions, named = [], []
    for part in parts:
        of_part = names[part.first :][: len(part.prompt.phrases)]
        rows_of_part = [rows.get(name) for name in of_part]
        questions.append(_question(model, tokenizer, part, rows_of_part))
        named.append(Chunk(part.first, detection_prompt(wordings_of(of_part))))
    prompt = detection_prompt(wordings_of(names))
    return EncodedQuery(prompt, questions, tuple(names), torch.arange(len(names)), named)


def _question(
    model: GLIP, tokenizer: Tokenizer, part: Chunk, rows: Sequence[Tensor | None]
) -> Question:
    """A prompt as the model encodes it, with the row of each phrase that has one."""
    device = next(model.parameters()).device
    tokens, mask, (masks,) = tokenize(tokenizer, [part.prompt])
    text = model.encode_text(tokens.to(device), mask.to(device))
    for row, of_phrase in zip(rows, masks, strict=True):
        if row is not None:
            places = of_phrase.nonzero()[:, 0].to(device)
            text = text.replaced(places, row.expand(len(places), -1))
    return Question(part.first, text, masks.to(device))


def visual_prompt(query: EncodedQuery, model: GLIP) -> LearnedPrompt:
    """A query as a prompt that can be written to a file. Raises UserError if it needs several."""
    if len(query.questions) != 1:
        raise UserError(
            f"{len(query.classes)} names and examples do not fit one prompt: write a file for each "
            "part of them"
        )
    return learned_prompt(query.prompt, query.questions[0], model)
