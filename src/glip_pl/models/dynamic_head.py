"""A layer of the dynamic head (DyHead): spatial, scale and channel attention over the pyramid."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.models import fused_mixing
from glip_pl.models.deform_conv import TAPS, DeformConv
from glip_pl.models.fused_convolution import Pair, available, fused_convolutions, pairs
from glip_pl.models.plain_forms import wants_gpu
from glip_pl.models.precision import at_least_float32, product_type, without_autocast
from glip_pl.models.small_kernels import for_each, means_of_maps, scaled_rows

REDUCTION = 4
"""Ratio of the channels of DyReLU's input to those of its hidden layer."""

GROUPS = 16
"""Groups of the group norm after every deformable convolution."""


FROM_COARSER, SAME, FROM_FINER = range(3)
"""Branches of a level's convolution: what it computes for the finer level, itself, the coarser."""


class DyReLU(nn.Module):
    """The larger of two linear functions per channel; their coefficients depend on the image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // REDUCTION)
        self.excite = nn.Linear(channels // REDUCTION, 4 * channels)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Activations of levels (B, C, h, w), each of the same shape."""
        lines = self.lines(torch.stack([level.mean((2, 3)) for level in levels]))
        return [
            torch.maximum(torch.addcmul(b, level, a), torch.addcmul(d, level, c))
            for level, (a, b, c, d) in zip(levels, _per_channel(lines), strict=True)
        ]

    def lines(self, pooled: Tensor) -> Tensor:
        """Slope and offset of both lines (levels, B, 4, C), given the levels' means (., B, C)."""
        lines = F.hardsigmoid(self.excite(F.relu(self.squeeze(pooled)))) - 0.5
        slope1, offset1, slope2, offset2 = lines.chunk(4, dim=-1)
        return torch.stack([2 * slope1 + 1, offset1, 2 * slope2, offset2], dim=2)


def _per_channel(lines: Tensor) -> list[tuple[Tensor, ...]]:
    """Of each level the four coefficients (B, C, 1, 1) of its lines."""
    return [level.unbind(1) for level in lines[..., None, None]]


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
        nn.init.zeros_(self.scale_attention.bias)  # type: ignore[arg-type]  # it has a bias

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Five levels (B, C, h, w), in the shapes of the input.

        Positions and the small layers on pooled maps are computed in full precision.
        """
        dtype = product_type(levels[0])
        with without_autocast(levels[0]):
            positions = self._all_positions(levels)
            return self._mixed(self._branches(self._convolved(levels, positions, dtype)))

    def _mixed(self, branches: list[list[Tensor]]) -> list[Tensor]:
        """Activated means of the branches of each level, which have weights."""
        pooled = means_of_maps([branch for level in branches for branch in level])
        weights = self._scale_weights(pooled, [len(level) for level in branches])
        counts = [len(level) for level in branches]
        if wants_gpu(pooled) and fused_mixing.available(pooled):
            means = (pooled * weights).split(counts)  # of the sums, which are never written
            lines = self.activation.lines(torch.stack([level.sum(0) for level in means]))
            return fused_mixing.fused_mixing(branches, weights[..., 0], lines)
        means = []
        for level, own in zip(branches, weights[..., None, None].split(counts), strict=True):
            # A running sum: a stack of all branches would allocate memory for three maps.
            mean = level[0] * own[0]
            for branch, weight in zip(level[1:], own[1:], strict=True):
                mean = torch.addcmul(mean, branch, weight)
            means.append(mean)
        activated: list[Tensor] = self.activation(means)
        return activated

    def positions(self, features: Tensor) -> Tensor:
        """Offsets in pixels and mask logits (B, 27, h, w) of the taps at a level."""
        with without_autocast(features):
            positions: Tensor = self.offset(at_least_float32(features))
        return positions

    def _all_positions(self, levels: list[Tensor]) -> list[Tensor]:
        """The positions of every level."""
        if not wants_gpu(levels[0]):
            return [self.positions(level) for level in levels]
        offset, count = self.offset, len(levels)
        assert offset.bias is not None
        pairs = zip(for_each(offset.weight, count), for_each(offset.bias, count), strict=True)
        return [
            F.conv2d(at_least_float32(level), weight, bias, padding=1)
            for level, (weight, bias) in zip(levels, pairs, strict=True)
        ]

    def _convolved(
        self, levels: list[Tensor], positions: list[Tensor], dtype: torch.dtype
    ) -> dict[Pair, Tensor]:
        """The convolutions with their norms; products are of this type in the form of a GPU."""
        layers, found = (self.from_coarser, self.from_same, self.from_finer), [*pairs(len(levels))]
        if not (wants_gpu(levels[0]) and available(levels[0].device, dtype)):
            return {
                (level, branch): layers[branch](levels[level], positions[level + branch - 1])
                for level, branch in found
            }
        # One copy of each level for its three convolutions.
        maps = [level.to(dtype, memory_format=torch.channels_last) for level in levels]
        weights, biases = [layer.weight for layer in layers], [layer.bias for layer in layers]
        outs = fused_convolutions(maps, positions, weights, biases)
        return {pair: layers[pair[1]].norm(out) for pair, out in zip(found, outs, strict=True)}

    def _branches(self, convolved: dict[Pair, Tensor]) -> list[list[Tensor]]:
        """The convolutions of each level and of its neighbours, in the shape of the level."""
        branches = []
        for level in range(1 + max(level for level, _ in convolved)):
            branch = [convolved[level, SAME]]
            if (finer := convolved.get((level - 1, FROM_FINER))) is not None:
                branch.append(finer)
            if (coarser := convolved.get((level + 1, FROM_COARSER))) is not None:
                size = branch[0].shape[-2:]
                branch.append(
                    F.interpolate(coarser, size=size, mode="bilinear", align_corners=True)
                )
            branches.append(branch)
        return branches

    def _scale_weights(self, pooled: Tensor, counts: list[int]) -> Tensor:
        """Weights (branches, B, 1) of means (branches, B, C): [0.5, 1] by the level's branches.

        Computed for all branches at once: each step is a kernel on a GPU.
        """
        attention = self.scale_attention
        scores = F.linear(pooled, attention.weight[:, :, 0, 0], attention.bias)
        weights = F.hardsigmoid(F.relu(scores))
        if wants_gpu(weights):
            return scaled_rows(weights, [1 / count for count in counts for _ in range(count)])
        return torch.cat([level / len(level) for level in weights.split(counts)])
