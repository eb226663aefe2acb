"""Box arithmetic in the "+1" convention of the released models: a box includes both end pixels."""

import math

import torch
from torch import Tensor

CODE_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
"""Factors of (dx, dy, dw, dh) in a code, so that all four have a similar spread."""

MAX_LOG_SIZE = math.log(1000.0 / 16.0)
"""Upper limit of a decoded log size; larger values would overflow."""


def centers_and_sizes(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Centres (..., 2) and +1 sizes (..., 2) of corner boxes (..., 4)."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low + 1


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Codes (..., 4) of boxes relative to anchors, both (..., 4); the inverse of `decode`."""
    center, size = centers_and_sizes(boxes)
    anchor_center, anchor_size = centers_and_sizes(anchors)
    shift = (center - anchor_center) / anchor_size
    code = torch.cat([shift, torch.log(size / anchor_size)], dim=-1)
    return code * code.new_tensor(CODE_WEIGHTS)


def decode(codes: Tensor, anchors: Tensor) -> Tensor:
    """Corner boxes (..., 4) from codes (..., 4) and anchors (broadcastable)."""
    # Numbers instead of a tensor of weights, for whose copy to a GPU the host would wait.
    shift, log_size = codes[..., :2] / CODE_WEIGHTS[0], codes[..., 2:] / CODE_WEIGHTS[2]
    anchor_center, anchor_size = centers_and_sizes(anchors)
    center = shift * anchor_size + anchor_center
    size = log_size.clamp(max=MAX_LOG_SIZE).exp() * anchor_size
    half = (size - 1) / 2
    return torch.cat([center - half, center + half], dim=-1)


def clip(boxes: Tensor, height: float, width: float) -> Tensor:
    """Boxes (..., 4) with all corners moved into [0, width - 1] x [0, height - 1]."""
    limit = boxes.new_tensor([width - 1, height - 1, width - 1, height - 1])
    return torch.minimum(boxes.clamp(min=0), limit)


def iou_plus_one(first: Tensor, second: Tensor) -> Tensor:
    """IoU (N, M) of boxes (N, 4) and (M, 4) with +1 sizes, for assignment and NMS."""
    return iou_plus_one_of_pairs(first[:, None], second[None])


def iou_plus_one_of_pairs(first: Tensor, second: Tensor) -> Tensor:
    """IoU (...) of pairs of boxes (..., 4), which are broadcast, with +1 sizes."""
    _, size_first = centers_and_sizes(first)
    _, size_second = centers_and_sizes(second)
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    overlap = (high - low + 1).clamp(min=0).prod(-1)
    union = size_first.prod(-1) + size_second.prod(-1) - overlap
    return overlap / union


def giou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised IoU (N,) of pairs of boxes (N, 4) without +1, for the box loss (paper 3.1)."""
    low = torch.maximum(first[:, :2], second[:, :2])
    high = torch.minimum(first[:, 2:], second[:, 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    area_first = (first[:, 2:] - first[:, :2]).prod(-1)
    area_second = (second[:, 2:] - second[:, :2]).prod(-1)
    union = area_first + area_second - overlap + 1e-7
    low = torch.minimum(first[:, :2], second[:, :2])
    high = torch.maximum(first[:, 2:], second[:, 2:])
    enclosure = (high - low).clamp(min=0).prod(-1) + 1e-7
    return overlap / union - (enclosure - union) / enclosure


def scale_to(boxes: Tensor, size: tuple[int, int], new_size: tuple[int, int]) -> Tensor:
    """Boxes (N, 4) of an image of `size` (height, width), on the image resized to `new_size`."""
    ratio_y, ratio_x = (new / old for new, old in zip(new_size, size, strict=True))
    return boxes * boxes.new_tensor([ratio_x, ratio_y, ratio_x, ratio_y])


def plain(boxes: Tensor) -> Tensor:
    """Boxes (N, 4) without the +1 convention: their width is x2 - x1."""
    return boxes + boxes.new_tensor([0.0, 0.0, 1.0, 1.0])
