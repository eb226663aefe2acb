"""timm's Swin as the released models compute it, and in parts that fit a CPU's cache."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from timm.layers import Mlp
from timm.models.swin_transformer import SwinTransformerBlock, window_partition
from torch import Tensor, nn

from glip_pl.models.pointwise import make_pointwise

CACHEFUL = 8192
"""Positions at a time on a CPU without gradients. A whole map's hidden layer is 90 MB at 800 x
1216 pixels, and fresh memory of that size costs more than the arithmetic on it.
"""

OUTSIDE = -1
"""Number of a position that only pads a window."""


class PadFirstSwinBlock(SwinTransformerBlock):
    """timm's Swin block with the map padded to whole windows *before* the cyclic shift.

    timm shifts first; released GLIP weights were trained with the padding first, which changes
    every map whose size is not a multiple of the window.
    """

    def _attn(self, features: Tensor) -> Tensor:
        """Window attention on (B, H, W, C)."""
        if not _whole(features):
            return self._attn_in_parts(features)
        height, width = features.shape[1:3]
        attended: Tensor = super()._attn(self._pad(features))
        return attended[:, :height, :width].contiguous()

    def _pad(self, features: Tensor, value: float = 0.0) -> Tensor:
        height, width = features.shape[1:3]
        window_height, window_width = self.window_size
        pad = (0, 0, 0, -width % window_width, 0, -height % window_height)
        return F.pad(features, pad, value=value)

    def _attn_in_parts(self, features: Tensor) -> Tensor:
        """The same, some windows at a time, whose positions are picked from the map directly.

        Padding, shifting, cutting into windows and the ways back copy the map six times; here they
        happen to a map of position numbers.
        """
        height, width, channels = features.shape[1:]
        numbers = torch.arange(height * width).view(1, height, width, 1)
        padded = self._pad(numbers, OUTSIDE)
        shifted = torch.roll(padded, [-shift for shift in self.shift_size], dims=(1, 2))
        windows = window_partition(shifted, self.window_size).flatten(1)  # (W, n)
        size = max(1, CACHEFUL // self.window_area)
        masks: Sequence[Tensor | None] = [None] * -(-len(windows) // size)
        if any(self.shift_size):
            masks = self.get_attn_mask(padded.to(features.dtype)).split(size)
        attended = torch.empty_like(features)
        for source, target in zip(features.flatten(1, 2), attended.flatten(1, 2), strict=True):
            for part, mask in zip(windows.split(size), masks, strict=True):
                place = part.flatten()
                inside = place != OUTSIDE
                picked = source[place.clamp(min=0)].masked_fill_(~inside[:, None], 0)
                result = self.attn(picked.view(*part.shape, channels), mask=mask).flatten(0, 1)
                if not inside.all():
                    place, result = place[inside], result[inside]
                target.index_copy_(0, place, result.to(target.dtype))
        return attended


class MlpInParts(Mlp):
    """timm's two-layer perceptron, some positions at a time."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, N, C), same shape."""
        compute: Callable[[Tensor], Tensor] = super().forward
        if _whole(features):
            return compute(features)
        return torch.cat([compute(part) for part in features.split(CACHEFUL, dim=1)], dim=1)


def _whole(features: Tensor) -> bool:
    """Training keeps everything anyway, and a GPU has nothing to win by parts."""
    return features.device.type != "cpu" or torch.is_grad_enabled()


OURS: dict[type, type] = {SwinTransformerBlock: PadFirstSwinBlock, Mlp: MlpInParts}
"""What replaces timm's classes; they have the same parameters."""


def adapt(network: nn.Module) -> None:
    """Let a timm network compute by our classes where it has Swin's."""
    for module in network.modules():
        module.__class__ = OURS.get(type(module), type(module))
    make_pointwise(network)
