"""Feature pyramid P3 to P7 of three stages of the image encoder."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.models.rounded_weights import rounded_weights


def drop_block(features: Tensor, probability: float, block: int = 3) -> Tensor:
    """Set random block x block squares of (B, C, H, W) to zero in all channels, and rescale.

    The scale is that of the whole batch, as in the training of the released models.
    """
    seeds = features.new_empty(len(features), 1, *features.shape[-2:]).bernoulli_(
        probability / block**2
    )
    keep = 1 - F.max_pool2d(seeds, block, stride=1, padding=block // 2)
    return features * keep * (keep.numel() / keep.sum().clamp(min=1))


class FPN(nn.Module):
    """Top-down pyramid: 1x1 convolutions, sums with the upsampled coarser map, 3x3 convolutions.

    There is no norm and no activation. P6 is a convolution of P5 with stride 2, P7 of relu(P6),
    as in RetinaNet. In training, DropBlock acts on the sums of P3 and P4.
    """

    def __init__(self, in_channels: Sequence[int], channels: int, drop_block: float = 0.0) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in in_channels)
        self.smooth = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in in_channels
        )
        self.p6 = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.p7 = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.drop_block = drop_block
        for conv in self.modules():
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_uniform_(conv.weight, a=1)
                if conv.bias is not None:
                    nn.init.zeros_(conv.bias)

    def forward(self, stages: list[Tensor]) -> list[Tensor]:
        """Five levels (B, C, h, w) from three stages C3, C4, C5, fine to coarse."""
        with rounded_weights(self, stages[0]):
            return self._pyramid(stages)

    def _pyramid(self, stages: list[Tensor]) -> list[Tensor]:
        levels: list[Tensor] = []
        merged: Tensor | None = None
        for index in (2, 1, 0):
            lateral = self.lateral[index](stages[index])
            if merged is not None:
                lateral = lateral + F.interpolate(merged, size=lateral.shape[-2:], mode="nearest")
            merged = lateral
            dropped = merged
            if self.training and self.drop_block > 0 and index < 2:
                dropped = drop_block(merged, self.drop_block)
            levels.insert(0, self.smooth[index](dropped))
        p6 = self.p6(levels[-1])
        return [*levels, p6, self.p7(F.relu(p6))]
