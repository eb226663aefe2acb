"""Boxes and phrases on pictures."""

import colorsys
from collections.abc import Sequence
from zlib import crc32

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from glip_pl.boxes import scale_to
from glip_pl.types import Batch, Detections

MINIMUM_SIDE = 480
"""Smaller pictures are enlarged before drawing, so that labels stay legible."""

Colour = tuple[int, int, int]


def colour_of(phrase: str) -> Colour:
    """A strong colour that is always the same for the same phrase."""
    hue = (crc32(phrase.lower().encode()) % 997) / 997
    red, green, blue = colorsys.hls_to_rgb(hue, 0.36, 0.9)  # dark enough for white text
    return int(red * 255), int(green * 255), int(blue * 255)


def draw(
    image: Image.Image, boxes: Tensor, phrases: Sequence[str], scores: Tensor | None = None
) -> Image.Image:
    """A copy of the picture with boxes (N, 4, its pixels), a label each, and scores if given."""
    factor = max(1, -(-MINIMUM_SIDE // max(image.size)))
    picture = image.convert("RGB").resize(
        (image.width * factor, image.height * factor), Image.Resampling.BILINEAR
    )
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(12, min(picture.size) // 32))
    thick = max(2, min(picture.size) // 240)
    order = list(range(len(boxes))) if scores is None else scores.argsort().tolist()
    for index in order:  # best on top
        x1, y1, x2, y2 = (float(side) * factor for side in boxes[index])
        corners = (x1, y1, max(x1, x2 + factor - 1), max(y1, y2 + factor - 1))
        pen.rectangle(corners, outline=colour_of(phrases[index]), width=thick)
    taken: list[tuple[float, float, float, float]] = []
    for index in reversed(order):  # the best has the first choice of a place
        label = phrases[index]
        if scores is not None:
            label += f" {float(scores[index]):.2f}"
        corner = (float(boxes[index, 0]) * factor, float(boxes[index, 1]) * factor)
        _label(pen, label, corner, font, colour_of(phrases[index]), picture.size, taken)
    return picture


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    corner: tuple[float, float],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    colour: Colour,
    limit: tuple[int, int],
    taken: list[tuple[float, float, float, float]],
) -> None:
    """White on the box's colour, above its corner if there is room, always inside the picture.

    Where another label is already, below that one; `taken` remembers all.
    """
    left, top, right, bottom = font.getbbox(text)
    width, height = right - left + 6, bottom - top + 6
    x = max(0.0, min(corner[0], limit[0] - width))
    y = corner[1] - height if corner[1] >= height else corner[1]
    for _ in range(len(taken)):
        if not any(_overlap((x, y, x + width, y + height), other) for other in taken):
            break
        y += height
    y = min(y, limit[1] - height)
    taken.append((x, y, x + width, y + height))
    pen.rectangle(taken[-1], fill=colour)
    pen.text((x + 3 - left, y + 3 - top), text, fill="white", font=font)


def _overlap(
    first: tuple[float, float, float, float], second: tuple[float, float, float, float]
) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def side_by_side(
    left: Image.Image, right: Image.Image, titles: tuple[str, str], caption: str
) -> Image.Image:
    """Two pictures of one size with titles above and a caption, wrapped, below."""
    font = ImageFont.load_default(16)
    width = left.width + right.width + 6
    lines = _wrap(caption, font, width - 12)
    sheet = Image.new("RGB", (width, left.height + 28 + 22 * len(lines) + 6), "white")
    pen = ImageDraw.Draw(sheet)
    for picture, title, x in ((left, titles[0], 0), (right, titles[1], left.width + 6)):
        pen.text((x + 6, 4), title, fill="black", font=font)
        sheet.paste(picture, (x, 28))
    for row, line in enumerate(lines):
        pen.text((6, left.height + 32 + 22 * row), line, fill="black", font=font)
    return sheet


def comparison(batch: Batch, index: int, found: Detections, threshold: float) -> Image.Image:
    """Truth to the left, boxes above `threshold` to the right, the caption below."""
    height, width = (int(side) for side in batch.sizes[index])
    pixels = batch.images[index, :, :height, :width].permute(1, 2, 0).cpu().numpy()
    image = Image.fromarray(pixels)
    prompt = batch.prompts[index]
    truth = [prompt.phrase_text(int(phrase)) for phrase in batch.phrase_ids[index]]
    found = found.above(threshold)
    original = (int(batch.original_sizes[index, 0]), int(batch.original_sizes[index, 1]))
    boxes = scale_to(found.boxes, original, (height, width))
    names = [prompt.phrase_text(int(phrase)) for phrase in found.phrase_ids]
    left = draw(image, batch.boxes[index], truth)
    right = draw(image, boxes, names, found.scores)
    return side_by_side(left, right, ("truth", "found"), prompt.caption)


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines[:6]
