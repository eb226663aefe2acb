"""An HTML page of pictures with their boxes, and captions with phrases in the boxes' colours."""

import html
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from glip_pl.boxes import scale_to
from glip_pl.data.filtering import FilteredBoxes
from glip_pl.data.index import Index
from glip_pl.data.picture_size import FramedPicture, load_framed
from glip_pl.errors import UserError
from glip_pl.inference.drawing import colour_of, draw
from glip_pl.inspection.html_page import document, photograph
from glip_pl.inspection.named_set import NamedSet, kept_boxes, phrase_texts, some_rows
from glip_pl.types import Prompt

SIDE = 640
"""Longer side of a picture on the page, in pixels."""


def page(sets: list[tuple[NamedSet, Index]], count: int, seed: int) -> str:
    """A self-contained HTML page with `count` random pictures of each set."""
    pieces = [
        piece for named_set, index in sets for piece in _section(named_set, index, count, seed)
    ]
    return document(", ".join(named_set.name for named_set, _ in sets), "".join(pieces))


def _section(named_set: NamedSet, index: Index, count: int, seed: int) -> Iterator[str]:
    """The heading and the figures of a set."""
    yield f"<h2>{html.escape(named_set.name)}</h2>"
    yield f"<p>{len(index)} images, {len(index.boxes.values)} boxes</p><main>"
    filtered = named_set.filtered(index)
    for row in some_rows(index, count, seed):
        yield _figure(named_set, index, row, filtered)
    yield "</main>"


def _figure(named_set: NamedSet, index: Index, row: int, filtered: FilteredBoxes | None) -> str:
    """A picture with its boxes; the error message if the picture cannot be read."""
    name = index.images[row]
    height, width = index.sizes[row].tolist()
    details = f"<small>{html.escape(name)} &middot; {width}x{height}</small>"
    kept = kept_boxes(index, row, filtered)
    texts = [phrase_texts(index, row)[box] for box in kept]
    text = _caption(index, row) if index.captioned[row] else _counted_names(texts)
    try:
        images = named_set.reader.open_images()
        picture = load_framed(images, index, row, named_set.exif)
    except UserError as error:
        return f"<figure><p class='error'>{html.escape(str(error))}</p>{details}</figure>"
    drawn = _drawn(picture, index, row, kept, texts)
    drawn.thumbnail((SIDE, SIDE))
    return f"<figure>{photograph(drawn)}<figcaption>{text}<br>{details}</figcaption></figure>"


def _drawn(
    picture: FramedPicture, index: Index, row: int, kept: NDArray[np.int64], texts: list[str]
) -> Image.Image:
    """The picture with its boxes, in the positions that training uses."""
    image = picture.image
    boxes = torch.tensor(index.boxes[row][kept])
    scores = torch.tensor(index.scores[row][kept]) if (index.scores[row] < 1).any() else None
    boxes = scale_to(boxes, picture.frame, (image.height, image.width))
    return draw(image, boxes, texts, scores)


def _mark(text: str, phrase: str) -> str:
    """The text on the colour of a phrase."""
    red, green, blue = colour_of(phrase)
    return f"<mark style='background:rgb({red},{green},{blue})'>{html.escape(text)}</mark>"


def _counted_names(texts: list[str]) -> str:
    """Every category with its number of boxes."""
    counts = {text: texts.count(text) for text in texts}
    return " ".join(_mark(f"{text} {count}", text) for text, count in counts.items()) or "no box"


def _caption(index: Index, row: int) -> str:
    """The caption with its phrases marked; of overlapping ones the first, or else the longest."""
    prompt = Prompt(index.captions[row], index.phrases(row))
    spans = [
        (start, -end, prompt.phrase_text(number))
        for number, phrase in enumerate(prompt.phrases)
        for start, end in phrase
    ]
    pieces, position = [], 0
    for start, minus_end, text in sorted(spans):
        if start >= position:
            pieces.append(html.escape(prompt.caption[position:start]))
            pieces.append(_mark(prompt.caption[start:-minus_end], text))
            position = -minus_end
    return "".join([*pieces, html.escape(prompt.caption[position:])])
