"""Non-maximum suppression: of boxes of one phrase, or of rivals, that overlap, the best stays."""

from functools import lru_cache

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from glip_pl.boxes import plain
from glip_pl.prompts.rivals import rival_groups
from glip_pl.types import Detections, Prompt

RIVAL_IOU = 0.7
"""IoU of boxes of two rivals above which the worse one is dropped: they are of one object."""


def kept_boxes(boxes: Tensor, scores: Tensor, phrases: Tensor, iou: float) -> Tensor:
    """Indices (K,) of the boxes that stay, best first.

    `boxes` (N, 4) include both end pixels; `scores` and `phrases` are (N,). A box is dropped if its
    IoU with a better one of the same phrase is above `iou`.
    """
    device = boxes.device
    if device.type == "mps":  # Apple's GPUs have no double precision
        boxes, scores, phrases = boxes.cpu(), scores.cpu(), phrases.cpu()
    # Widths are x2 - x1 + 1 in the official code and x2 - x1 in torchvision: `plain` converts.
    # Double precision, because batched_nms separates phrases by adding large offsets.
    kept: Tensor = batched_nms(plain(boxes).double(), scores.double(), phrases, iou)
    return kept.to(device)


def best_of_rivals(found: Detections, groups: Tensor) -> Detections:
    """The detections without those that a better one of a rival phrase overlaps, best first.

    Phrases are rivals if they have the same number in `groups` (P,).
    """
    groups = groups.to(found.boxes.device)
    return found.rows(kept_boxes(found.boxes, found.scores, groups[found.phrase_ids], RIVAL_IOU))


@lru_cache(maxsize=256)
def groups_of(prompts: tuple[Prompt, ...]) -> Tensor:
    """The groups (P,) of rivals among the phrases of each prompt in turn: see `prompts.rivals`."""
    groups: list[int] = []
    for prompt in prompts:
        phrases = [prompt.phrase_text(index) for index in range(len(prompt.phrases))]
        groups += [len(groups) + group for group in rival_groups(phrases)]
    return torch.tensor(groups, dtype=torch.int64)
