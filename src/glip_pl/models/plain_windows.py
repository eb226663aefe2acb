"""Swin's window attention for export: the numbers of windows are sizes of their own in the graph.

As functions of the picture's size they would nest at each of the network's stages, and their
simplification takes longer than anything else of an export (more than ten minutes for Swin-T).
"""

import torch
import torch.nn.functional as F
from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor

APART = -100.0
"""Added to the logits of two positions that are neighbours only because the map was shifted."""


def attended(block: SwinTransformerBlock, features: Tensor) -> Tensor:
    """Window attention on (B, H, W, C), which is padded to whole windows before the shift."""
    batch, height, width, channels = features.shape
    window, shift = block.window_size[0], block.shift_size[0]
    rows, columns = windows_along(height, window), windows_along(width, window)
    high, wide = rows * window, columns * window
    padded = F.pad(features, (0, 0, 0, wide - width, 0, high - height))
    shifted = rolled(padded, shift)
    split = shifted.view(batch, rows, window, columns, window, channels).transpose(2, 3)
    windows = split.reshape(batch, rows, columns, window * window, channels)
    mask = apart(rows, columns, window, shift) if shift else None
    mixed = _attention(block, windows, mask)
    merged = mixed.view(batch, rows, columns, window, window, channels).transpose(2, 3)
    restored = rolled(merged.reshape(batch, high, wide, channels), -shift)
    return restored.narrow(1, 0, height).narrow(2, 0, width)


def windows_along(side: int, window: int) -> int:
    """How many windows cover a side."""
    count = (torch.arange(side) % window == 0).nonzero().shape[0]
    torch._check(count >= 1)
    torch._check(count * window >= side)
    return count


def rolled(maps: Tensor, shift: int) -> Tensor:
    """Maps (B, H, W, C) shifted up and left in a cycle."""
    for axis in (1, 2) if shift else ():
        first = shift if shift > 0 else maps.shape[axis] + shift
        parts = maps.narrow(axis, first, maps.shape[axis] - first), maps.narrow(axis, 0, first)
        maps = torch.cat(parts, dim=axis)
    return maps


def apart(rows: int, columns: int, window: int, shift: int) -> Tensor:
    """Additions (rows, columns, 1, n, n) to the logits in windows of n positions, after a shift."""
    down, right = (
        (torch.arange(count * window) >= (count - 1) * window).long()
        + (torch.arange(count * window) >= count * window - shift).long()
        for count in (rows, columns)
    )
    parts = (3 * down[:, None] + right).view(rows, window, columns, window).transpose(1, 2)
    parts = parts.reshape(rows, columns, 1, window * window)
    return (parts[..., None, :] != parts[..., :, None]) * APART


def _attention(block: SwinTransformerBlock, windows: Tensor, mask: Tensor | None) -> Tensor:
    """Self-attention in windows (B, rows, columns, n, C)."""
    attention = block.attn
    heads = attention.num_heads
    parts = attention.qkv(windows).unflatten(-1, (3, heads, -1)).movedim(-3, 0).transpose(-2, -3)
    query, key, value = parts.unbind(0)  # (B, rows, columns, heads, n, C / heads)
    logits = (query * attention.scale) @ key.mT + attention._get_rel_pos_bias()
    if mask is not None:
        logits = logits + mask
    mixed = logits.softmax(-1) @ value
    projected: Tensor = attention.proj(mixed.transpose(-2, -3).flatten(-2))
    return projected
