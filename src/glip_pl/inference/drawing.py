"""Draws boxes with their phrases into pictures."""

import colorsys
from collections.abc import Sequence
from zlib import crc32

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from glip_pl.boxes import scale_to
from glip_pl.inference.fonts import label_font
from glip_pl.types import Batch, Detections

MINIMUM_SIDE = 480
"""Pixels of the longer side; smaller pictures are enlarged, so that labels stay legible."""

TITLE = 28
"""Height of the strip with a title, in pixels."""

Colour = tuple[int, int, int]
"""Red, green and blue in 0..255."""

Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""


def colour_of(phrase: str) -> Colour:
    """A dark, saturated colour; equal phrases have equal colours."""
    hue = (crc32(phrase.lower().encode()) % 997) / 997
    red, green, blue = colorsys.hls_to_rgb(hue, 0.36, 0.9)  # dark enough for white text
    return int(red * 255), int(green * 255), int(blue * 255)


def draw(
    image: Image.Image, boxes: Tensor, phrases: Sequence[str], scores: Tensor | None = None
) -> Image.Image:
    """A copy of the picture with labelled boxes.

    `boxes` are (N, 4) corners in pixels of the picture; `scores` (N,) are added to the labels.
    """
    picture = enlarged(image)
    factor = picture.width // image.width
    pen = ImageDraw.Draw(picture)
    letters = max(12, min(picture.size) // 32)
    thick = max(2, min(picture.size) // 240)
    order = list(range(len(boxes))) if scores is None else scores.argsort().tolist()
    for index in order:  # the best is drawn last, on top
        x1, y1, x2, y2 = (float(side) * factor for side in boxes[index])
        corners = (x1, y1, max(x1, x2 + factor - 1), max(y1, y2 + factor - 1))
        pen.rectangle(corners, outline=colour_of(phrases[index]), width=thick)
    labels: list[Rectangle] = []
    for index in reversed(order):  # the best label stands next to its box
        label = phrases[index]
        if scores is not None:
            label += f" {float(scores[index]):.2f}"
        corner = (float(boxes[index, 0]) * factor, float(boxes[index, 1]) * factor)
        font = label_font(label, letters)
        _label(pen, label, corner, font, colour_of(phrases[index]), picture.size, labels)
    return picture


def enlarged(image: Image.Image) -> Image.Image:
    """A copy as RGB whose longer side has MINIMUM_SIDE pixels or more: a multiple of its size."""
    factor = max(1, -(-MINIMUM_SIDE // max(image.size)))
    size = (image.width * factor, image.height * factor)
    return image.convert("RGB").resize(size, Image.Resampling.BILINEAR)


def titled(image: Image.Image, title: str) -> Image.Image:
    """An RGB picture with a title on a white strip above it."""
    sheet = Image.new("RGB", (image.width, image.height + TITLE), "white")
    ImageDraw.Draw(sheet).text((6, 4), title, fill="black", font=label_font(title, 16))
    sheet.paste(image, (0, TITLE))
    return sheet


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    corner: tuple[float, float],
    font: ImageFont.FreeTypeFont,
    colour: Colour,
    limit: tuple[int, int],
    labels: list[Rectangle],
) -> None:
    """Draw white text on a colour above a corner, or below it where there is no room.

    The label stays inside the picture of size `limit`, and is moved down past the earlier `labels`,
    to which it is added.
    """
    left, top, right, bottom = font.getbbox(text)
    width, height = right - left + 6, bottom - top + 6
    x = max(0.0, min(corner[0], limit[0] - width))
    y = corner[1] - height if corner[1] >= height else corner[1]
    for _ in range(len(labels)):
        if not any(_overlap((x, y, x + width, y + height), other) for other in labels):
            break
        y += height
    y = min(y, limit[1] - height)
    labels.append((x, y, x + width, y + height))
    pen.rectangle(labels[-1], fill=colour)
    pen.text((x + 3 - left, y + 3 - top), text, fill="white", font=font)


def _overlap(first: Rectangle, second: Rectangle) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def side_by_side(
    left: Image.Image, right: Image.Image, titles: tuple[str, str], caption: str
) -> Image.Image:
    """Two pictures of equal size, with a title above each and the wrapped caption below."""
    pictures = [titled(left, titles[0]), titled(right, titles[1])]
    return captioned(row(pictures), caption)


def row(pictures: Sequence[Image.Image]) -> Image.Image:
    """RGB pictures beside each other, from the top."""
    width = sum(picture.width for picture in pictures) + 6 * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    x = 0
    for picture in pictures:
        sheet.paste(picture, (x, 0))
        x += picture.width + 6
    return sheet


def captioned(image: Image.Image, *texts: str) -> Image.Image:
    """An RGB picture with wrapped texts below it."""
    lines = [line for text in texts for line in _wrap(text, image.width - 12)]
    sheet = Image.new("RGB", (image.width, image.height + 22 * len(lines) + 6), "white")
    sheet.paste(image, (0, 0))
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        place = (6, image.height + 4 + 22 * number)
        pen.text(place, line, fill="black", font=label_font(line, 16))
    return sheet


def comparison(batch: Batch, index: int, detections: Detections, threshold: float) -> Image.Image:
    """An image of a batch: ground truth on the left, detections above `threshold` on the right."""
    image = image_of(batch, index)
    prompt = batch.prompts[index]
    truth = [prompt.phrase_text(int(phrase)) for phrase in batch.phrase_ids[index]]
    detections = detections.above(threshold)
    original = (int(batch.original_sizes[index, 0]), int(batch.original_sizes[index, 1]))
    boxes = scale_to(detections.boxes, original, (image.height, image.width))
    names = [prompt.phrase_text(int(phrase)) for phrase in detections.phrase_ids]
    left = draw(image, batch.boxes[index], truth)
    right = draw(image, boxes, names, detections.scores)
    return side_by_side(left, right, ("truth", "found"), prompt.caption)


def image_of(batch: Batch, index: int) -> Image.Image:
    """An image of a batch without padding."""
    height, width = (int(side) for side in batch.sizes[index])
    pixels = batch.images[index, :, :height, :width].permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(pixels)


def _wrap(text: str, width: float) -> list[str]:
    """The first six lines of a text whose lines are at most `width` pixels wide."""
    font = label_font(text, 16)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines[:6]
