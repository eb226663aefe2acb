"""Linear layers as 1x1 convolutions: on a CPU that is oneDNN's product instead of the BLAS.

The numbers are a linear layer's. PyTorch computes single-precision products by MKL, which knows
the wide vector units of some processors only; its convolutions go to oneDNN, which knows all. On
the AMD processor of docs/results.md that makes products 1.2 to 2.2 times as fast (`make bench`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WORTH_A_CALL = 1 << 25
"""Multiplications in a product above which one call per item of a batch is no loss."""


def pointwise(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`: (..., N) from (..., C), a weight (N, C) and a bias (N,)."""
    if features.device.type != "cpu" or features.dtype not in (torch.float32, torch.bfloat16):
        return F.linear(features, weight, bias)
    rows = features.reshape(1, -1, 1, features.shape[-1])
    # Channels last is how rows lie in memory already: neither side is copied.
    product = F.conv2d(rows.permute(0, 3, 1, 2), weight[:, :, None, None], bias)
    return product.permute(0, 2, 3, 1).reshape(*features.shape[:-1], len(weight))


def paired(features: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear layer of its own for each item: (B, n, N) from (B, n, C), (B, N, C) and (B, N)."""
    work = features.shape[1] * weights[0].numel()
    if features.device.type == "cpu" and (len(features) == 1 or work > WORTH_A_CALL):
        biases = [None] * len(features) if bias is None else bias
        items = zip(features, weights, biases, strict=True)
        return torch.stack([pointwise(*item) for item in items])
    if bias is None:
        return features @ weights.mT
    return torch.baddbmm(bias[:, None], features, weights.mT)


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
