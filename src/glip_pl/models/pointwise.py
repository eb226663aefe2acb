"""Linear layers as 1x1 convolutions, which a CPU computes by oneDNN instead of a BLAS.

The results are those of a linear layer. PyTorch computes single-precision products by MKL, which
uses the wide vector units of some processors only; its convolutions go to oneDNN, which uses those
of all. On the AMD processor of docs/results.md that makes products 1.2 to 2.2 times as fast
(`make bench`).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.models.plain_forms import wants_cpu, wants_gpu

WORTH_A_CALL = 1 << 25
"""Multiplications per item of a batch from which on a call for each item costs no extra time."""


def pointwise(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`: (..., N) from (..., C), a weight (N, C) and a bias (N,)."""
    if not wants_cpu(features) or features.dtype not in (torch.float32, torch.bfloat16):
        return F.linear(features, weight, bias)
    rows = features.reshape(1, -1, 1, features.shape[-1])
    # The rows are in channels-last order already, so that nothing is copied.
    product = F.conv2d(rows.permute(0, 3, 1, 2), weight[:, :, None, None], bias)
    return product.permute(0, 2, 3, 1).reshape(*features.shape[:-1], len(weight))


def side_by_side(features: Tensor, *layers: nn.Linear) -> Sequence[Tensor]:
    """Outputs (..., N) of linear layers of equal widths and one input: one product on a GPU."""
    if not wants_gpu(features):
        return [layer(features) for layer in layers]
    weight = torch.cat([layer.weight for layer in layers])
    bias = torch.cat([layer.bias for layer in layers])
    return F.linear(features, weight, bias).chunk(len(layers), dim=-1)


def paired(features: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear layer for each item of a batch: (B, n, N) from (B, n, C), (B, N, C) and (B, N)."""
    if wants_cpu(features) and _worth_calls(features, weights):
        biases = [None] * len(features) if bias is None else bias
        items = zip(features, weights, biases, strict=True)
        return torch.stack([pointwise(*item) for item in items])
    if bias is None:
        return features @ weights.mT
    return torch.baddbmm(bias[:, None], features, weights.mT)


def _worth_calls(features: Tensor, weights: Tensor) -> bool:
    """Whether a call of `pointwise` for each item of a batch costs no extra time."""
    work = features.shape[1] * weights[0].numel()
    return len(features) == 1 or work > WORTH_A_CALL


class PointwiseLinear(nn.Linear):
    """A linear layer that is computed by `pointwise`."""

    def forward(self, features: Tensor) -> Tensor:
        """Outputs (..., out) of features (..., in)."""
        return pointwise(features, self.weight, self.bias)


def make_pointwise(module: nn.Module) -> None:
    """Compute all plain linear layers in a library's module by `pointwise`; names stay the same."""
    for layer in module.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = PointwiseLinear
