"""Sigmoid focal loss (Lin et al. 2017)."""

import torch.nn.functional as F
from torch import Tensor

ALPHA = 0.25
"""Weight of positive targets; negative ones weigh 1 - ALPHA."""

GAMMA = 2.0
"""Exponent by which easy elements are weighed down."""


def sigmoid_focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Loss of every element, in the shape of the logits; targets are 0 or 1, in the same shape."""
    # `wrong` is 1 - p_t, the probability that the model gives to the wrong answer.
    signed = logits * (2 * targets - 1)
    wrong = (-signed).sigmoid()
    weight = ALPHA * targets + (1 - ALPHA) * (1 - targets)
    return -weight * wrong.pow(GAMMA) * F.logsigmoid(signed)
