"""timm's Swin as in the released models, and in chunks that fit the cache of a CPU."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from timm.layers import Mlp
from timm.models.swin_transformer import SwinTransformerBlock, window_partition
from torch import Tensor, nn

from glip_pl.models import fused_windows, plain_windows, whole_windows
from glip_pl.models.plain_forms import wants_cpu, wants_gpu, wants_plain
from glip_pl.models.pointwise import make_pointwise
from glip_pl.models.recomputing import RecomputedBlock, recompute_blocks
from glip_pl.models.rounded_weights import rounded_weights

CHUNK = 8192
"""Positions that a CPU without gradients processes at a time. For a whole map of 800 x 1216 pixels
a hidden layer takes 90 MB, and allocating that costs more time than the arithmetic.
"""

OUTSIDE = -1
"""Number of a position that only pads a window and is not in the map."""


class PadFirstSwinBlock(SwinTransformerBlock, RecomputedBlock):
    """timm's Swin block with the map padded to whole windows *before* the cyclic shift.

    timm shifts first. The released GLIP weights were trained with the padding first, which changes
    the result for every map whose size is not a multiple of the window.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, H, W, C) after window attention and a perceptron."""
        output: Tensor = self.recomputed(self._computed, features)
        return output

    def _computed(self, features: Tensor) -> Tensor:
        with rounded_weights(self, features):
            output: Tensor = super().forward(features)
        return output

    def _attn(self, features: Tensor) -> Tensor:
        """Window attention on (B, H, W, C)."""
        if wants_plain():
            return plain_windows.attended(self, features)
        if not _whole(features):
            return self._attn_in_chunks(features)
        height, width = features.shape[1:3]
        if torch.compiler.is_compiling():
            rows, columns = self.window_size
            whole = -(-height // rows) * rows, -(-width // columns) * columns
            attended = fused_windows.attended(self, whole_windows.padded(features, *whole))
            cropped: Tensor = whole_windows.cropped(attended, height, width)
            return cropped
        padded = self._pad(features)
        if wants_gpu(features):
            attended = fused_windows.attended(self, padded)
        else:
            attended = super()._attn(padded)
        return attended[:, :height, :width].contiguous()

    def _pad(self, features: Tensor, value: float = 0.0) -> Tensor:
        height, width = features.shape[1:3]
        window_height, window_width = self.window_size
        pad = (0, 0, 0, -width % window_width, 0, -height % window_height)
        return F.pad(features, pad, value=value)

    def _attn_in_chunks(self, features: Tensor) -> Tensor:
        """Window attention on (B, H, W, C), some windows at a time.

        Padding, shifting, cutting into windows, and undoing each of these copies the map six times.
        Here a map of position numbers is padded, shifted and cut instead; the features of each
        window are then picked from the original map.
        """
        height, width, channels = features.shape[1:]
        numbers = torch.arange(height * width).view(1, height, width, 1)
        padded = self._pad(numbers, OUTSIDE)
        shifted = torch.roll(padded, [-shift for shift in self.shift_size], dims=(1, 2))
        windows = window_partition(shifted, self.window_size).flatten(1)  # (W, n)
        size = max(1, CHUNK // self.window_area)
        masks: Sequence[Tensor | None] = [None] * -(-len(windows) // size)
        if any(self.shift_size):
            masks = self.get_attn_mask(padded.to(features.dtype)).split(size)
        attended = torch.empty_like(features)
        for source, target in zip(features.flatten(1, 2), attended.flatten(1, 2), strict=True):
            for chunk, mask in zip(windows.split(size), masks, strict=True):
                positions = chunk.flatten()
                inside = positions != OUTSIDE
                picked = source[positions.clamp(min=0)].masked_fill_(~inside[:, None], 0)
                result = self.attn(picked.view(*chunk.shape, channels), mask=mask).flatten(0, 1)
                if not inside.all():
                    positions, result = positions[inside], result[inside]
                target.index_copy_(0, positions, result.to(target.dtype))
        return attended


class MlpInChunks(Mlp):
    """timm's two-layer perceptron, some positions at a time."""

    def forward(self, features: Tensor) -> Tensor:
        """Outputs (B, N, C) of features of the same shape."""
        compute: Callable[[Tensor], Tensor] = super().forward
        if _whole(features):
            return compute(features)
        return torch.cat([compute(chunk) for chunk in features.split(CHUNK, dim=1)], dim=1)


def _whole(features: Tensor) -> bool:
    """Whether to process a map at once: training stores all results, and GPUs gain nothing."""
    return torch.is_grad_enabled() or not wants_cpu(features)


OURS: dict[type, type] = {SwinTransformerBlock: PadFirstSwinBlock, Mlp: MlpInChunks}
"""Classes of timm and their replacements, which have the same parameters."""


def adapt(network: nn.Module, recompute: bool = False) -> None:
    """Replace the classes of Swin in a network of timm, and compute its linear layers fast.

    With `recompute`, blocks store their input only. Raises UserError if there are none then.
    """
    for module in network.modules():
        module.__class__ = OURS.get(type(module), type(module))
    make_pointwise(network)
    if recompute:
        recompute_blocks(network, "model.image_encoder.recompute")
