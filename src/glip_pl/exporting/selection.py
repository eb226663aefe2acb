"""Non-maximum suppression as an operation of exported graphs."""

import torch
from torch import Tensor
from torchvision.ops import nms


@torch.library.custom_op("glip_pl::select_boxes", mutates_args=())
def select_boxes(boxes: Tensor, scores: Tensor, iou: float) -> Tensor:
    """(K, 3) image, phrase and box of those that stay, of boxes (B, N, 4) and scores (B, P, N).

    A box without score does not stay. ONNX has this operation as NonMaxSuppression.
    """
    kept = [
        torch.cat([torch.tensor([[image, phrase]]).expand(len(found), 2), found[:, None]], 1)
        for image in range(len(boxes))
        for phrase in range(scores.shape[1])
        for found in [_positive(boxes[image], scores[image, phrase], iou)]
    ]
    return torch.cat(kept)


def _positive(boxes: Tensor, scores: Tensor, iou: float) -> Tensor:
    kept: Tensor = nms(boxes.double(), scores.double(), iou)
    return kept[scores[kept] > 0]


@select_boxes.register_fake
def _(boxes: Tensor, scores: Tensor, iou: float) -> Tensor:
    count = torch.library.get_ctx().new_dynamic_size()
    return boxes.new_empty(count, 3, dtype=torch.int64)


def kept_pairs(boxes: Tensor, scores: Tensor, phrases: Tensor, count: int, iou: float) -> Tensor:
    """(K, 2) image and candidate that stay, of candidates (B, N, 4) with a phrase (B, N) each.

    `count` is the number of phrases P.
    """
    own = phrases[:, None] == torch.arange(count)[:, None]  # (B, P, N)
    selected: Tensor = select_boxes(boxes, torch.where(own, scores[:, None], 0.0), iou)
    return selected[:, [0, 2]]
