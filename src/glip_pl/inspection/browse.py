"""A page of pictures with their boxes, and captions with their phrases in the boxes' colours."""

import base64
import html
import io
from collections.abc import Iterator

import torch
from PIL import Image

from glip_pl.data.filtering import FilteredBoxes
from glip_pl.data.index import Index
from glip_pl.errors import UserError
from glip_pl.inference.drawing import colour_of, draw
from glip_pl.inspection.named_set import NamedSet, kept_boxes, phrase_texts, some_rows

SIDE = 640
"""Pixels of the longer side on the page."""

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; background: #f6f6f4; color: #222 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1.2em }
figure { margin: 0; background: white; padding: .6em; border-radius: 6px;
  box-shadow: 0 1px 3px #0003; overflow-wrap: anywhere }
img { width: 100%; display: block }
figcaption { margin-top: .5em }
mark { color: white; border-radius: 3px; padding: 0 .2em }
small { color: #777 }
.error { color: #a00 }
"""


def page(sets: list[tuple[NamedSet, Index]], count: int, seed: int) -> str:
    """A self-contained HTML page with `count` random pictures of each set."""
    parts = [part for one, index in sets for part in _section(one, index, count, seed)]
    return document(", ".join(one.name for one, _ in sets), "".join(parts))


def document(title: str, body: str, style: str = "") -> str:
    """A whole page; `style` adds to what all pages look like."""
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        f"<title>{html.escape(title)}</title><style>{STYLE}{style}</style>{body}</html>\n"
    )


def embedded(content: bytes, kind: str) -> str:
    """An encoded picture, "jpeg" or "png", inside a page."""
    data = base64.b64encode(content).decode()
    return f"<img loading='lazy' alt='' src='data:image/{kind};base64,{data}'>"


def photograph(picture: Image.Image) -> str:
    """A picture as JPEG inside a page."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=85)
    return embedded(buffer.getvalue(), "jpeg")


def _section(one: NamedSet, index: Index, count: int, seed: int) -> Iterator[str]:
    yield f"<h2>{html.escape(one.name)}</h2><p>{len(index)} images, {len(index.boxes.values)} boxes"
    yield "</p><main>"
    filtered = one.filtered(index)
    for row in some_rows(index, count, seed):
        yield _figure(one, index, row, filtered)
    yield "</main>"


def _figure(one: NamedSet, index: Index, row: int, filtered: FilteredBoxes | None) -> str:
    name = index.images[row]
    height, width = index.sizes[row].tolist()
    small = f"<small>{html.escape(name)} &middot; {width}x{height}</small>"
    kept = kept_boxes(index, row, filtered)
    texts = [phrase_texts(index, row)[box] for box in kept]
    words = _caption(index, row) if index.captioned[row] else _names(texts)
    try:
        image = one.reader.open_images().load(name)
    except UserError as error:
        return f"<figure><p class='error'>{html.escape(str(error))}</p>{small}</figure>"
    scores = torch.tensor(index.scores[row][kept]) if (index.scores[row] < 1).any() else None
    drawn = draw(image, torch.tensor(index.boxes[row][kept]), texts, scores)
    drawn.thumbnail((SIDE, SIDE))
    return f"<figure>{photograph(drawn)}<figcaption>{words}<br>{small}</figcaption></figure>"


def _mark(text: str, phrase: str) -> str:
    red, green, blue = colour_of(phrase)
    return f"<mark style='background:rgb({red},{green},{blue})'>{html.escape(text)}</mark>"


def _names(texts: list[str]) -> str:
    """Each category once, with how many boxes it has."""
    counts = {text: texts.count(text) for text in texts}
    return " ".join(_mark(f"{text} {count}", text) for text, count in counts.items()) or "no box"


def _caption(index: Index, row: int) -> str:
    """The caption; where phrases overlap, the earlier and longer one is coloured."""
    caption = index.captions[row]
    phrases = index.phrases(row)
    whole = [" ".join(caption[start:end] for start, end in phrase) for phrase in phrases]
    spans = [
        (start, -end, text)
        for phrase, text in zip(phrases, whole, strict=True)
        for start, end in phrase
    ]
    pieces, done = [], 0
    for start, minus_end, text in sorted(spans):
        if start >= done:
            pieces += [html.escape(caption[done:start]), _mark(caption[start:-minus_end], text)]
            done = -minus_end
    return "".join([*pieces, html.escape(caption[done:])])
