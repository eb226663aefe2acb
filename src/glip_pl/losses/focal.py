"""Sigmoid focal loss (Lin et al. 2017)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

ALPHA = 0.25
"""Weight of positive targets; negative ones weigh 1 - ALPHA."""

GAMMA = 2
"""Exponent by which easy elements are weighed down: the probability is squared."""


def sigmoid_focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Loss of every element, in the shape of the logits; targets are 0 or 1, in the same shape."""
    loss: Tensor = _FocalLoss.apply(logits, targets)
    return loss


class _FocalLoss(torch.autograd.Function):
    """Computes the gradient with the loss and keeps only that: all tensors are as large as logits.

    With the probability p of the wrong answer the loss is alpha * p^gamma * -log(1 - p).
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss, for logits and targets of one shape."""
        sign = (targets * -2).add_(1)  # 1 where a higher logit is wrong, -1 where it is right
        wrong = logits * sign
        cost = F.logsigmoid(-wrong).neg_()  # -log(1 - p)
        wrong.sigmoid_()
        factor = wrong.square().mul_((targets * (2 * ALPHA - 1)).add_(1 - ALPHA))
        loss = cost * factor
        if ctx.needs_input_grad[0]:
            slope = cost.mul_(GAMMA).mul_(1 - wrong).add_(wrong).mul_(factor)
            ctx.save_for_backward(slope.mul_(sign))
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None]:
        """The gradient of the logits: alpha * p^gamma * (p - gamma * (1 - p) * log(1 - p))."""
        (slope,) = ctx.saved_tensors
        return slope * outer, None
