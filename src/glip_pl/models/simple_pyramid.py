"""Maps at strides 8, 16 and 32 from a plain vision transformer, whose maps all have one stride."""

from collections.abc import Sequence

from timm.layers import LayerNorm2d
from torch import Tensor, nn

TARGETS = (8, 16, 32)
"""Pixels per position of the maps that are made."""

FITTING = (4, 8, 16, 32)
"""Strides from which they can be made."""


class SimplePyramid(nn.Module):
    """Each map is normalised, then enlarged by transposed convolutions or reduced by max pooling.

    This is the simple feature pyramid of ViTDet (Li et al. 2022). A single map is read three times;
    of three maps, which come from three depths, each gives one level, the shallowest the finest.
    """

    def __init__(self, channels: Sequence[int], stride: int) -> None:
        """For one or three maps of so many channels, all of the same `stride`, one of FITTING."""
        super().__init__()
        sources = [*channels] * (len(TARGETS) // len(channels))
        levels = [
            _level(width, stride, target) for width, target in zip(sources, TARGETS, strict=True)
        ]
        self.levels = nn.ModuleList(level for level, _ in levels)
        self.channels = tuple(width for _, width in levels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Three maps (B, C, h, w), fine to coarse, from one or three of equal sizes."""
        sources = maps * (len(self.levels) // len(maps))
        return [level(source) for level, source in zip(self.levels, sources, strict=True)]


def _level(width: int, stride: int, target: int) -> tuple[nn.Module, int]:
    """What turns a map of one stride into one of another, and the channels of its result."""
    layers: list[nn.Module] = [LayerNorm2d(width)]
    if target > stride:
        layers.append(nn.MaxPool2d(target // stride))
    while stride > target:
        if len(layers) > 1:
            layers += [LayerNorm2d(width), nn.GELU()]
        layers.append(nn.ConvTranspose2d(width, width // 2, kernel_size=2, stride=2))
        stride, width = stride // 2, width // 2
    return nn.Sequential(*layers), width
