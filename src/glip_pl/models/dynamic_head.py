"""A layer of the dynamic head (DyHead): spatial, scale and channel attention over the pyramid."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.models.deform_conv import TAPS, DeformConv

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

    def forward(self, features: Tensor) -> Tensor:
        """Activations (B, C, h, w) of features of the same shape."""
        pooled = features.mean((2, 3))
        lines = hard_sigmoid(self.excite(F.relu(self.squeeze(pooled))))[..., None, None]
        slope1, offset1, slope2, offset2 = lines.chunk(4, dim=1)
        first = torch.addcmul(offset1 - 0.5, features, 2 * (slope1 - 0.5) + 1)
        second = torch.addcmul(offset2 - 0.5, features, 2 * (slope2 - 0.5))
        return torch.maximum(first, second)


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
        """Five levels (B, C, h, w), in the shapes of the input."""
        return [self._level(levels, index) for index in range(len(levels))]

    def _level(self, levels: list[Tensor], index: int) -> Tensor:
        here = levels[index]
        offsets, masks = self.offset(here).split([2 * TAPS, TAPS], dim=1)
        masks = masks.sigmoid()
        branches = [self.from_same(here, offsets, masks)]
        if index > 0:
            branches.append(self.from_finer(levels[index - 1], offsets, masks))
        if index + 1 < len(levels):
            coarse = self.from_coarser(levels[index + 1], offsets, masks)
            size = here.shape[-2:]
            branches.append(F.interpolate(coarse, size=size, mode="bilinear", align_corners=True))
        # A running sum: a stack of all branches would allocate memory for three maps.
        first, *others = branches
        mean = first * (self._scale_weight(first) / len(branches))
        for branch in others:
            mean = torch.addcmul(mean, branch, self._scale_weight(branch) / len(branches))
        output: Tensor = self.activation(mean)
        return output

    def _scale_weight(self, branch: Tensor) -> Tensor:
        """Weight (B, 1, 1, 1) of a branch, in [0.5, 1]."""
        pooled = branch.mean((2, 3), keepdim=True)
        return hard_sigmoid(F.relu(self.scale_attention(pooled)))
