"""Modulated deformable 3x3 convolution, the spatial attention of the dynamic head."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

from glip_pl.models.plain_forms import wants_cpu, wants_plain
from glip_pl.models.pointwise import pointwise
from glip_pl.models.precision import at_least_float32, without_autocast
from glip_pl.models.recomputing import recomputed

CHUNK = 2048
"""Positions that a CPU processes at a time: their taps of 256 channels take 19 MB."""

TAPS = 9
"""Positions of a 3x3 kernel; each has two offsets and a mask value."""


class DeformConv(nn.Module):
    """3x3 convolution with given offsets and weights of its taps, followed by GroupNorm."""

    def __init__(self, channels: int, stride: int, groups: int) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3).normal_(std=0.01))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.norm = nn.GroupNorm(groups, channels)

    def forward(self, features: Tensor, positions: Tensor) -> Tensor:
        """(B, C, h', w') from a map (B, C, h, w) and its positions (B, 27, ., .).

        Positions are an offset (dy, dx) of each of nine taps in pixels, then the logits of their
        weights. If they come from a map larger than the output, the memory of each image is read
        *linearly* as (18, h', w') and (9, h', w'): the original CUDA kernel indexes its buffers
        by the size of the output without a check, and the released weights were trained with it.
        """
        convolved: Tensor = self.norm(self._convolve(features, positions))
        return convolved

    def _convolve(self, features: Tensor, positions: Tensor) -> Tensor:
        height, width = ((side - 1) // self.stride + 1 for side in features.shape[-2:])
        offsets, logits = positions.split([2 * TAPS, TAPS], dim=1)
        offsets = read_linearly(offsets, (height, width))
        masks = read_linearly(logits, (height, width)).sigmoid()
        with without_autocast(features):
            features, offsets, masks = map(at_least_float32, (features, offsets, masks))
            if wants_cpu(features):
                return gather_convolution(
                    features, offsets, masks, self.weight, self.bias, self.stride
                )
            # torchvision's kernel is an operation that other libraries have too.
            convolved: Tensor = deform_conv2d(
                features, offsets, self.weight, self.bias, self.stride, padding=1, mask=masks
            )
            return convolved


def read_linearly(buffer: Tensor, size: tuple[int, int]) -> Tensor:
    """The first c*h*w numbers of each image of a buffer (B, c, H, W), viewed as (B, c, h, w)."""
    batch, channels = buffer.shape[:2]
    height, width = size
    if wants_plain():  # an exported graph does not know which sides are equal
        first = torch.arange(channels * height * width, device=buffer.device)
        return buffer.flatten(1).index_select(1, first).view(batch, channels, height, width)
    if buffer.shape[-2:] == size:
        return buffer
    return buffer.flatten(1)[:, : channels * height * width].view(batch, channels, height, width)


def gather_convolution(
    features: Tensor, offsets: Tensor, masks: Tensor, weight: Tensor, bias: Tensor, stride: int
) -> Tensor:
    """The deformable convolution without its norm, in a form that is fast on a CPU.

    Every tap is a sum of four channels-last rows with bilinear weights, which an embedding bag
    computes; a matrix product with the kernel follows. The backward pass of torchvision's CPU
    kernel takes 5 to 16 times as long (`make bench`). Positions are processed in chunks, because
    the taps of the whole map would take nine times its memory.
    """
    batch, channels, height, width = features.shape
    out_height, out_width = offsets.shape[-2:]
    rows, weights = _corners(offsets, masks, (height, width), stride)
    table = features.permute(0, 2, 3, 1).reshape(-1, channels)
    kernel = weight.permute(0, 2, 3, 1).reshape(len(weight), -1)

    def convolve(chunk_rows: Tensor, chunk_weights: Tensor) -> Tensor:
        taps = F.embedding_bag(chunk_rows, table, mode="sum", per_sample_weights=chunk_weights)
        return pointwise(taps.view(-1, TAPS * channels), kernel, bias)

    chunks = zip(rows.split(CHUNK * TAPS), weights.split(CHUNK * TAPS), strict=True)
    outputs = [
        recomputed(convolve, chunk_rows, chunk_weights, largest=len(chunk_rows) * channels)
        for chunk_rows, chunk_weights in chunks
    ]
    convolved = torch.cat(outputs).view(batch, out_height, out_width, -1)
    return convolved.permute(0, 3, 1, 2)


def _corners(
    offsets: Tensor, masks: Tensor, size: tuple[int, int], stride: int
) -> tuple[Tensor, Tensor]:
    """The four pixels around every tap: their rows and weights, both (B * h' * w' * 9, 4)."""
    batch, _, out_height, out_width = offsets.shape
    height, width = size
    device = offsets.device
    shift = offsets.view(batch, TAPS, 2, out_height, out_width)
    taps = torch.arange(TAPS, device=device)[:, None, None]
    base_y = torch.arange(out_height, device=device)[:, None] * stride + taps // 3 - 1
    base_x = torch.arange(out_width, device=device) * stride + taps % 3 - 1
    y = (base_y + shift[:, :, 0]).permute(0, 2, 3, 1)  # (B, h', w', 9)
    x = (base_x + shift[:, :, 1]).permute(0, 2, 3, 1)
    # A NaN cannot be an index. The weights below stay NaN, so that the loss shows the fault.
    top, left = (position.detach().nan_to_num().floor() for position in (y, x))
    down, right = y - top, x - left
    mask = masks.permute(0, 2, 3, 1)
    image = torch.arange(batch, device=device)[:, None, None, None] * (height * width)
    rows, weights = [], []
    for row, row_weight in ((top, 1 - down), (top + 1, down)):
        for column, column_weight in ((left, 1 - right), (left + 1, right)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            flat = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            rows.append(image + flat.long())
            weights.append(row_weight * column_weight * mask * inside)
    return torch.stack(rows, dim=-1).view(-1, 4), torch.stack(weights, dim=-1).view(-1, 4)
