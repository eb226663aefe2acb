"""Window attention of Swin by PyTorch's fused attention, as a GPU computes it.

The logits of all windows are never written, and neither is a mask for every image.
"""

import torch
import torch.nn.functional as F
from timm.models.swin_transformer import (
    SwinTransformerBlock,
    WindowAttention,
    window_partition,
    window_reverse,
)
from torch import Tensor

APART = -100.0
"""What is added to the logit of two positions that the shift brought into one window (timm's)."""


def attended(block: SwinTransformerBlock, features: Tensor) -> Tensor:
    """Window attention on a map (B, H, W, C) of whole windows."""
    height, width, channels = features.shape[1:]
    shift = tuple(block.shift_size)
    shifted = torch.roll(features, [-one for one in shift], (1, 2)) if any(shift) else features
    windows = window_partition(shifted, block.window_size).flatten(1, 2)  # (B * W, n, C)
    bias = position_bias(block.attn)
    if any(shift):
        apart = regions_apart(block, height, width, features.device)
        bias = torch.add(bias, apart[:, None], alpha=APART)
    out = _attend(block.attn, windows, len(features), bias)
    out = out.view(-1, *block.window_size, channels)
    merged: Tensor = window_reverse(out, block.window_size, height, width)
    return torch.roll(merged, shift, (1, 2)) if any(shift) else merged


def position_bias(attention: WindowAttention) -> Tensor:
    """Bias (1, heads, n, n) of the logits by the relative position of two pixels."""
    bias: Tensor = attention._get_rel_pos_bias()
    return bias


def regions_apart(
    block: SwinTransformerBlock, height: int, width: int, device: torch.device
) -> Tensor:
    """Which positions (W, n, n) of a shifted map's windows come from different regions (bool).

    In a window, only the rows and columns that the shift brought in from the other end differ.
    """
    place = torch.arange(max(height, width), device=device)
    brought = [
        (place[:side] >= side - shift).view(torch.int8).view(-1, window)
        for side, window, shift in zip(
            (height, width), block.window_size, block.shift_size, strict=True
        )
    ]
    rows, columns = brought
    region = torch.add(rows[:, None, :, None], columns[None, :, None, :], alpha=2)
    region = region.flatten(2).flatten(0, 1)  # (W, n) of (rows, columns, h, w)
    apart: Tensor = region[:, :, None] != region[:, None]
    return apart


def _attend(attention: WindowAttention, windows: Tensor, batch: int, bias: Tensor) -> Tensor:
    """Attention inside windows (B * W, n, C); bias of one or of W windows (., heads, n, n)."""
    count, area, _ = windows.shape
    heads = attention.num_heads
    qkv = attention.qkv(windows).view(count, area, 3, heads, -1)
    query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind()  # (B * W, heads, n, D)
    if len(bias) > 1:  # windows count as heads, so that all images share their biases
        query, key, value = (one.reshape(batch, -1, *one.shape[-2:]) for one in (query, key, value))
        bias = bias.flatten(0, 1)[None]
    out = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
    joined = out.view(count, heads, area, -1).transpose(1, 2).flatten(2)
    projected: Tensor = attention.proj(joined)
    return projected
