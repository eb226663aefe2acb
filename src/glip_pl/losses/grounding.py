"""The grounding loss (paper 3.1): classification against tokens, and localisation."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.boxes import centers_and_sizes, decode, giou
from glip_pl.losses.assignment import atss
from glip_pl.losses.focal import sigmoid_focal_loss
from glip_pl.types import MAX_TOKENS, Batch, LossTerms, Output

BOX_WEIGHT = 2.0
"""Weight of the GIoU term, as in the official GLIP code."""


def centerness_targets(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Centerness (N,) in [0, 1] of each anchor (N, 4) in its box (N, 4): 1 at the box's centre."""
    center, _ = centers_and_sizes(anchors)
    low, high = center - boxes[:, :2], boxes[:, 2:] - center
    ratio = torch.minimum(low, high) / torch.maximum(low, high)
    return ratio.prod(-1).clamp(min=0).sqrt()


def identity(value: Tensor) -> Tensor:
    """The value itself, which is its mean over processes if there is only one."""
    return value


class GroundingLoss(nn.Module):
    """L = L_cls + L_loc, the loss of the paper's section 3.1.

    ATSS assigns every anchor a to a ground-truth box or to the background; P are the anchors with
    a box, and w_a is the weight of that box (1 for the background, and 1 everywhere if
    the batch has no weights). With the logit s of an anchor and a token t, its target y (1 if t
    belongs to the phrase of the anchor's box), and the centerness c of an anchor in its box:

        L_cls = 1 / |P|  *  sum over all a of  w_a * sum over real tokens t of  focal(s_at, y_at)
        L_loc = 2 / C    *  sum over a in P of  w_a * c_a * (1 - GIoU_a),  with C = sum of c_a
              + 1 / |P|  *  sum over a in P of  w_a * BCE(centerness logit_a, c_a)

    |P| and C are means over the processes, |P| at least 1, so that the mean of the processes'
    losses is the loss of their joint batch.
    """

    def forward(
        self, output: Output, batch: Batch, mean_over_ranks: Callable[[Tensor], Tensor] = identity
    ) -> LossTerms:
        """Loss terms of a batch; `mean_over_ranks` averages a scalar over processes."""
        with torch.no_grad():
            assigned = [
                atss(boxes, output.anchors, output.level_sizes) for boxes in batch.boxes
            ]  # B x (A,)
        owners = torch.stack(assigned)  # (B, A), -1 at the background
        positive = owners >= 0
        positives = mean_over_ranks(positive.sum().float()).clamp(min=1)  # |P|
        anchor_weights = _anchor_weights(batch, owners)

        targets = _word_targets(output, batch, owners)
        word_losses = sigmoid_focal_loss(output.alignment.float(), targets)
        anchor_losses = (word_losses * batch.attention_mask[:, None]).sum(-1)
        alignment = (anchor_losses * anchor_weights).sum() / positives

        boxes = _assigned_boxes(batch, owners)
        anchors = output.anchors[positive.nonzero(as_tuple=True)[1]]
        predicted = decode(output.deltas[positive].float(), anchors)
        weights = anchor_weights[positive]
        central = centerness_targets(boxes, anchors)
        centerness_sum = mean_over_ranks(central.sum())  # C
        box_losses = weights * (1 - giou(predicted, boxes))
        # C is 0 if all anchors' centres lie on edges of their boxes; then all count equally.
        box = torch.where(
            centerness_sum > 0,
            (box_losses * central).sum() / centerness_sum.clamp(min=1e-9),
            box_losses.sum(),
        )
        centerness = F.binary_cross_entropy_with_logits(
            output.centerness[positive].float(), central, weights, reduction="sum"
        )
        return LossTerms(alignment, BOX_WEIGHT * box, centerness / positives)


def _assigned_boxes(batch: Batch, owners: Tensor) -> Tensor:
    """The box (4,) of every positive anchor of the batch, image by image."""
    positive = owners >= 0
    images, _ = positive.nonzero(as_tuple=True)
    offsets = torch.tensor([0, *(len(boxes) for boxes in batch.boxes[:-1])]).cumsum(0)
    rows = owners[positive] + offsets.to(owners.device)[images]
    return torch.cat(batch.boxes)[rows]


def _anchor_weights(batch: Batch, owners: Tensor) -> Tensor:
    """Weight (B, A) of each anchor: that of its box, and 1 at the background."""
    anchor_weights = torch.ones_like(owners, dtype=torch.float32)
    if not batch.weights:  # all boxes count alike
        return anchor_weights
    for row, owner, box_weights in zip(anchor_weights, owners, batch.weights, strict=True):
        anchors = (owner >= 0).nonzero(as_tuple=True)[0]
        row[anchors] = box_weights[owner[anchors]]
    return anchor_weights


def _word_targets(output: Output, batch: Batch, owners: Tensor) -> Tensor:
    """0/1 targets (B, A, T): for each positive anchor, the tokens of its box's phrase.

    In a caption that fills all MAX_TOKENS positions the last token, a separator, stands for
    "no object" and is the target of all other anchors, as the released models were trained.
    """
    targets = torch.zeros_like(output.alignment, dtype=torch.float32)
    for row, owner, attention, masks, phrase_ids in zip(
        targets,
        owners,
        batch.attention_mask,
        batch.phrase_masks,
        batch.phrase_ids,
        strict=True,
    ):
        if masks.shape[1] == MAX_TOKENS and attention[-1]:
            row[:, -1] = (owner < 0).float()
        anchors = (owner >= 0).nonzero(as_tuple=True)[0]
        row[anchors] = masks[phrase_ids[owner[anchors]]].float()
    return targets
