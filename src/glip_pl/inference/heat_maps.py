"""Where in a picture a word is found: the scores of anchors as maps, and drawn over the picture."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from glip_pl.types import Output

FAINT = 0.1
"""Scores below it are drawn pale even where they are a word's highest."""

OPACITY = 0.75
"""Share of the colour in a drawing where a word scores highest."""


def heat_maps(scores: Tensor, output: Output, size: tuple[int, int]) -> Tensor:
    """Maps (W, h, w) of scores (A, W) of all anchors: at each place the best of all levels.

    A cell is a position of the finest level, 8 x 8 pixels of the model's input, whose (height,
    width) without padding is `size`.
    """
    maps = []
    start = 0
    for height, width in _level_shapes(output):
        level = scores[start : start + height * width]
        maps.append(level.T.reshape(-1, height, width))
        start += height * width
    finest = maps[0]
    for level in maps[1:]:
        finest = torch.maximum(finest, _spread(level, finest.shape[1:]))
    rows, columns = (-(-side // cell_side(output)) for side in size)
    return finest[:, :rows, :columns]


def _level_shapes(output: Output) -> list[tuple[int, int]]:
    """The (height, width) of each level: its anchors stand row by row."""
    shapes = []
    for level in output.anchors.split(list(output.level_sizes)):
        width = int((level[:, 1] == level[0, 1]).sum())
        shapes.append((len(level) // width, width))
    return shapes


def cell_side(output: Output) -> int:
    """Pixels of the input between two positions of the finest level."""
    first = output.anchors[: output.level_sizes[0]]
    tops = first[:, 1].unique()
    lefts = first[:, 0].unique()
    side = tops if len(tops) > 1 else lefts
    return int(side[1] - side[0])


def _spread(level: Tensor, shape: Sequence[int]) -> Tensor:
    """A coarser map (W, h, w) with the cells of the finest one, (W, *shape)."""
    factor = 1
    while level.shape[1] * factor < shape[0] or level.shape[2] * factor < shape[1]:
        factor *= 2
    repeated = level.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    return repeated[:, : shape[0], : shape[1]]


def map_title(word: str, heat_map: Tensor) -> str:
    """The word and its best score."""
    return f"{word}, up to {float(heat_map.max()):.2f}"


def overlay(image: Image.Image, heat_map: Tensor, covered: tuple[float, float]) -> Image.Image:
    """A grey picture under the colours of a word's map (h, w).

    `covered` are the (height, width) of the picture, in cells of the map. The warmest colour is the
    highest score of this map, but at least FAINT.
    """
    from matplotlib import colormaps

    height, width = image.height, image.width
    peak = float(heat_map.max())
    # The map may reach beyond the picture by a part of a cell.
    whole = (round(heat_map.shape[0] * height / covered[0]),
             round(heat_map.shape[1] * width / covered[1]))  # fmt: skip
    smooth = interpolate(heat_map[None, None], whole, mode="bilinear")[0, 0, :height, :width]
    share = (smooth / max(peak, FAINT)).clamp(0, 1).numpy()
    colours = Image.fromarray((colormaps["turbo"](share)[..., :3] * 255).astype("uint8"))
    mask = Image.fromarray((share * OPACITY * 255).astype("uint8"))
    grey = image.convert("L").convert("RGB")
    return Image.composite(colours, grey, mask)
