"""Linear layers as 1x1 convolutions: on a CPU that is oneDNN's product instead of the BLAS.

The numbers are a linear layer's. PyTorch computes single-precision products by MKL, which knows
the wide vector units of some processors only; its convolutions go to oneDNN, which knows all. On
the AMD processor of docs/results.md that makes products 1.6 to 4 times faster (`make bench`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pointwise(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`: (..., N) from (..., C), a weight (N, C) and a bias (N,)."""
    if features.device.type != "cpu" or features.dtype not in (torch.float32, torch.bfloat16):
        return F.linear(features, weight, bias)
    rows = features.reshape(1, -1, 1, features.shape[-1])
    # Channels last is how rows lie in memory already: neither side is copied.
    product = F.conv2d(rows.permute(0, 3, 1, 2), weight[:, :, None, None], bias)
    return product.permute(0, 2, 3, 1).reshape(*features.shape[:-1], len(weight))


class PointwiseLinear(nn.Linear):
    """A linear layer that computes by `pointwise`."""

    def forward(self, features: Tensor) -> Tensor:
        """(..., out) from (..., in)."""
        return pointwise(features, self.weight, self.bias)


def make_pointwise(module: nn.Module) -> None:
    """Let all plain linear layers below a library's module compute so; parameters stay as named."""
    for layer in module.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = PointwiseLinear
