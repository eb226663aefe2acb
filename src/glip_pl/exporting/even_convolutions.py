"""Convolutions of timm that pad by the size of their map, with a constant padding instead."""

import torch.nn.functional as F
from timm.layers import Conv2dSame
from torch import Tensor, nn


class EvenConvolution(Conv2dSame):
    """A convolution for maps whose sides are multiples of its stride: all those of GLIP are.

    TensorFlow's padding then depends on the kernel alone, and a graph need not compute it.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Outputs (B, C', h / stride, w / stride) of features (B, C, h, w)."""
        padding: list[int] = []
        for axis in (1, 0):
            extent = (self.kernel_size[axis] - 1) * self.dilation[axis] + 1
            total = max(extent - self.stride[axis], 0)
            padding += [total // 2, total - total // 2]
        return F.conv2d(
            F.pad(features, padding), self.weight, self.bias, self.stride, 0, self.dilation,
            self.groups,
        )  # fmt: skip


def make_even(network: nn.Module) -> None:
    """Replace the convolutions of a network, whose weights stay."""
    for module in network.modules():
        if type(module) is Conv2dSame:
            module.__class__ = EvenConvolution
