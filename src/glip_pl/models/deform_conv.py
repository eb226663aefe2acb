"""Modulated deformable 3x3 convolution (the dynamic head's spatial attention)."""

import torch
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

TAPS = 9
"""Positions of a 3x3 kernel: 2 offsets and 1 mask value each."""


class DeformConv(nn.Module):
    """3x3 convolution that samples at learned offsets and weighs each tap, then GroupNorm."""

    def __init__(self, channels: int, stride: int, groups: int) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3).normal_(std=0.01))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.norm = nn.GroupNorm(groups, channels)

    def forward(self, features: Tensor, offsets: Tensor, masks: Tensor) -> Tensor:
        """(B, C, h', w') from (B, C, h, w), offsets (B, 18, ., .) and masks (B, 9, ., .).

        Offsets are (dy, dx) per tap. If they come from a map that is larger than the output, each
        image's numbers are read *linearly* as (18, h', w'): the original CUDA kernel indexes its
        buffers by the output's size without checking, and released weights were trained with it.
        """
        height, width = ((side - 1) // self.stride + 1 for side in features.shape[-2:])
        size = (height, width)
        convolved = deform_conv2d(
            features,
            read_linearly(offsets, size),
            self.weight,
            self.bias,
            stride=self.stride,
            padding=1,
            mask=read_linearly(masks, size),
        )
        normed: Tensor = self.norm(convolved)
        return normed


def read_linearly(buffer: Tensor, size: tuple[int, int]) -> Tensor:
    """The first c*h*w numbers of each image of (B, c, H, W), seen as (B, c, h, w)."""
    if buffer.shape[-2:] == size:
        return buffer
    channels, (height, width) = buffer.shape[1], size
    return buffer.flatten(1)[:, : channels * height * width].unflatten(1, (channels, height, width))
