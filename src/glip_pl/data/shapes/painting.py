"""Objects of ShapesWorld and how they are painted."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from glip_pl.data.shapes.outlines import outline_of
from glip_pl.data.shapes.vocabulary import COLOURS

OVERSAMPLING = 3
"""Shapes are drawn this many times larger and then reduced, for smooth edges."""


@dataclass(frozen=True)
class Thing:
    """One object of a scene."""

    shape: str
    colour: str
    texture: str
    size: str
    box: tuple[int, int, int, int]  # x, y, width, height, pixels

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) in pixels."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2


def outline(shape: str) -> NDArray[np.float64]:
    """Corners (K, 2) of a shape, roughly in the unit disc, y down."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    if shape in ("circle", "ring"):
        return np.stack([np.cos(turn), np.sin(turn)], axis=1)
    if shape == "square":
        return np.array([(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)])
    if shape == "triangle":
        return np.array([(0, -0.95), (0.95, 0.75), (-0.95, 0.75)])
    if shape == "star":
        angles = np.arange(10) * math.pi / 5 - math.pi / 2
        radius = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
        return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    if shape == "cross":
        arm = 0.32
        quarter = np.array([(arm, -arm), (arm, -1), (-arm, -1)])
        quarter_turn = np.array([[0, -1], [1, 0]])
        rotations = [np.linalg.matrix_power(quarter_turn, count) for count in range(4)]
        return np.concatenate([quarter @ rotation for rotation in rotations])
    if shape == "heart":
        x = 16 * np.sin(turn) ** 3
        y = 13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)
        return np.stack([x, -y], axis=1) / 16
    if shape == "moon":
        outer = np.linspace(0.3 * np.pi, 1.7 * np.pi, 32)
        far = np.stack([np.cos(outer), np.sin(outer)], axis=1)
        # The inner edge is an arc of a circle moved to the right that meets the outer one's ends.
        tip = far[-1]
        bend = math.hypot(tip[0] - 0.45, tip[1])
        start = math.atan2(tip[1], tip[0] - 0.45) % (2 * math.pi)
        inner = np.linspace(start, 2 * math.pi - start, 24)
        near = np.stack([0.45 + bend * np.cos(inner), bend * np.sin(inner)], axis=1)
        return np.concatenate([far, near])
    return outline_of(shape)


def mask(shape: str, radius: float, angle: float) -> Image.Image:
    """The pixels that a shape covers, 0..255, cropped to them.

    `radius` is in pixels; the shape is rotated by `angle`, in radians.
    """
    side = math.ceil(2.1 * radius * OVERSAMPLING)
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    points = outline(shape) @ rotation * radius * OVERSAMPLING + side / 2
    picture = Image.new("L", (side, side))
    pen = ImageDraw.Draw(picture)
    pen.polygon([(float(x), float(y)) for x, y in points], fill=255)
    if shape == "ring":
        hole = 0.5 * radius * OVERSAMPLING
        middle = side / 2
        pen.ellipse((middle - hole, middle - hole, middle + hole, middle + hole), fill=0)
    small = picture.resize((side // OVERSAMPLING, side // OVERSAMPLING), Image.Resampling.BOX)
    bounds = small.point(lambda value: 255 * (value > 100)).getbbox()
    return small.crop(bounds)


def background(side: int, random: np.random.Generator) -> Image.Image:
    """A blurred grey-brown square whose colours differ from those of all shapes."""
    corners = random.uniform(105, 175, (2, 2, 1)) + random.uniform(-12, 12, (2, 2, 3))
    picture = Image.fromarray(corners.astype(np.uint8)).resize(
        (side, side), Image.Resampling.BILINEAR
    )
    grain = random.normal(0, 4, (side, side, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


def paint(
    picture: Image.Image,
    coverage: Image.Image,
    corner: tuple[int, int],
    colour: str,
    texture: str,
    random: np.random.Generator,
) -> None:
    """Paint a shape, given by its mask `coverage`, with its upper left corner at (x, y)."""
    base = np.asarray(COLOURS[colour]) + random.uniform(-14, 14, 3)
    width, height = coverage.size
    pixels = np.broadcast_to(base, (height, width, 3)).copy()
    # Marks are lighter on dark colours and darker on light ones.
    mark = base * 0.68 if base.mean() > 110 else base * 0.65 + 255 * 0.35
    y, x = np.mgrid[:height, :width]
    period = max(6, min(width, height) // 4)
    if texture == "striped":
        pixels[(x + y) % period < period // 2] = mark
    elif texture == "dotted":
        dots = np.hypot(x % period - period / 2, y % period - period / 2) < period * 0.28
        pixels[dots] = mark
    patch = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    picture.paste(patch, corner, coverage)
