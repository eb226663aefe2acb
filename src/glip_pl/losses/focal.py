"""Sigmoid focal loss (Lin et al. 2017)."""

import torch.nn.functional as F
from torch import Tensor

ALPHA = 0.25
GAMMA = 2.0


def sigmoid_focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Loss of every element; targets are 0 or 1 and of the logits' shape."""
    # p_t is the probability of the right answer; its complement weighs easy elements down.
    signed = logits * (2 * targets - 1)
    wrong = (-signed).sigmoid()
    weight = ALPHA * targets + (1 - ALPHA) * (1 - targets)
    return -weight * wrong.pow(GAMMA) * F.logsigmoid(signed)
