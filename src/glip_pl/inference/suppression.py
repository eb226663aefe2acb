"""Non-maximum suppression: of boxes of one phrase that overlap, the best stays."""

from torch import Tensor
from torchvision.ops import batched_nms

from glip_pl.boxes import plain


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
