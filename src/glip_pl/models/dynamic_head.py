"""A layer of the dynamic head (DyHead): spatial, scale and channel attention over the pyramid."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.models.deform_conv import TAPS, DeformConv
from glip_pl.models.fused_convolution import available
from glip_pl.models.plain_forms import wants_gpu
from glip_pl.models.precision import at_least_float32, product_type, without_autocast

REDUCTION = 4
"""Ratio of the channels of DyReLU's input to those of its hidden layer."""

GROUPS = 16
"""Groups of the group norm after every deformable convolution."""


def hard_sigmoid(x: Tensor) -> Tensor:
    """Piecewise linear sigmoid, relu6(x + 3) / 6."""
    return F.relu6(x + 3) / 6


class DyReLU(nn.Module):
    """The larger of two linear functions per channel; their coefficients depend on the image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // REDUCTION)
        self.excite = nn.Linear(channels // REDUCTION, 4 * channels)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Activations of levels (B, C, h, w), each of the same shape."""
        pooled = torch.stack([level.mean((2, 3)) for level in levels], dim=1)  # (B, levels, C)
        lines = hard_sigmoid(self.excite(F.relu(self.squeeze(pooled)))) - 0.5
        slopes1, offsets1, slopes2, offsets2 = lines[..., None, None].chunk(4, dim=2)
        slopes1, slopes2 = 2 * slopes1 + 1, 2 * slopes2
        return [
            torch.maximum(
                torch.addcmul(offsets1[:, index], level, slopes1[:, index]),
                torch.addcmul(offsets2[:, index], level, slopes2[:, index]),
            )
            for index, level in enumerate(levels)
        ]


class DynamicConv(nn.Module):
    """Mean of convolutions of a level and its neighbours; all levels share the weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.from_coarser = DeformConv(channels, stride=1, groups=GROUPS)
        self.from_same = DeformConv(channels, stride=1, groups=GROUPS)
        self.from_finer = DeformConv(channels, stride=2, groups=GROUPS)
        self.offset = nn.Conv2d(channels, 3 * TAPS, 3, padding=1)
        self.scale_attention = nn.Conv2d(channels, 1, 1)
        self.activation = DyReLU(channels)
        nn.init.normal_(self.offset.weight, std=0.01)
        nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]  # it has a bias
        nn.init.normal_(self.scale_attention.weight, std=0.01)
        nn.init.zeros_(self.scale_attention.bias)  # type: ignore[arg-type]

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Five levels (B, C, h, w), in the shapes of the input.

        Positions and the small layers on pooled maps are computed in full precision.
        """
        dtype = product_type(levels[0])
        fused = wants_gpu(levels[0]) and available(levels[0].device, dtype)
        with without_autocast(levels[0]):
            positions = [self.positions(level) for level in levels]
            if fused:  # one copy of each level for its three convolutions
                levels = [level.to(dtype, memory_format=torch.channels_last) for level in levels]
            branches = self._branches(levels, positions)
            weights = self._scale_weights(branches)
            means = []
            for level, level_weights in zip(branches, weights, strict=True):
                # A running sum: a stack of all branches would allocate memory for three maps.
                mean = level[0] * level_weights[0]
                for branch, weight in zip(level[1:], level_weights[1:], strict=True):
                    mean = torch.addcmul(mean, branch, weight)
                means.append(mean)
            activated: list[Tensor] = self.activation(means)
            return activated

    def positions(self, features: Tensor) -> Tensor:
        """Offsets in pixels and mask logits (B, 27, h, w) of the taps at a level."""
        with without_autocast(features):
            positions: Tensor = self.offset(at_least_float32(features))
        return positions

    def _branches(self, levels: list[Tensor], positions: list[Tensor]) -> list[list[Tensor]]:
        """The convolutions of each level and of its neighbours, in the shape of the level."""
        branches = [[same] for same in self.from_same(levels, positions)]
        finer = self.from_finer(levels[:-1], positions[1:])
        for level, branch in zip(branches[1:], finer, strict=True):
            level.append(branch)
        coarser = self.from_coarser(levels[1:], positions[:-1])
        for level, branch in zip(branches[:-1], coarser, strict=True):
            size = level[0].shape[-2:]
            level.append(F.interpolate(branch, size=size, mode="bilinear", align_corners=True))
        return branches

    def _scale_weights(self, branches: list[list[Tensor]]) -> list[list[Tensor]]:
        """Weight (B, 1, 1, 1) of every branch, in [0.5, 1], divided by the branches of its level.

        Computed for all branches at once: each step is a kernel on a GPU.
        """
        pooled = torch.stack([branch.mean((2, 3)) for level in branches for branch in level])
        attention = self.scale_attention
        scores = F.linear(pooled, attention.weight[:, :, 0, 0], attention.bias)  # (branches, B, 1)
        weights = iter(hard_sigmoid(F.relu(scores))[..., None, None])
        return [[next(weights) / len(level) for _ in level] for level in branches]
