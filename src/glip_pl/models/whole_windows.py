"""Padding of maps to whole windows and its reverse as operations that a compiler takes as they are.

From a slice, a compiler would derive conditions such as "needs no padding", and compile again for
every combination of them.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@torch.library.custom_op("glip_pl::padded", mutates_args=())
def padded(maps: Tensor, height: int, width: int) -> Tensor:
    """Maps (B, h, w, C) with zeros at their ends (B, height, width, C)."""
    return F.pad(maps, (0, 0, 0, width - maps.shape[2], 0, height - maps.shape[1])).clone()


@torch.library.custom_op("glip_pl::cropped", mutates_args=())
def cropped(maps: Tensor, height: int, width: int) -> Tensor:
    """The first rows and columns (B, height, width, C) of maps (B, h, w, C)."""
    return maps[:, :height, :width].clone(memory_format=torch.contiguous_format)


def _shape(maps: Tensor, height: int, width: int) -> Tensor:
    return maps.new_empty(maps.shape[0], height, width, maps.shape[3])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.size = inputs[0].shape[1:3]


def _uncrop(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    return padded(gradient, *ctx.size), None, None


def _unpad(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    return cropped(gradient, *ctx.size), None, None


padded.register_fake(_shape)
cropped.register_fake(_shape)
padded.register_autograd(_unpad, setup_context=_keep)
cropped.register_autograd(_uncrop, setup_context=_keep)
