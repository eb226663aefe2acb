"""The grounding loss (paper 3.1): classification against tokens, and localisation."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.boxes import decode, giou
from glip_pl.losses.focal import sigmoid_focal_loss
from glip_pl.losses.targets import targets_of
from glip_pl.types import MAX_TOKENS, Batch, LossTerms, Output, Targets

BOX_WEIGHT = 2.0
"""Weight of the GIoU term, as in the official GLIP code."""


class GroundingLoss(nn.Module):
    """L = L_cls + L_loc, the loss of the paper's section 3.1.

    ATSS assigns every anchor a to a ground-truth box or to the background; P are the anchors with
    a box, and w_a is the weight of that box (1 for the background, and 1 everywhere if
    the batch has no weights). With the logit s of an anchor and a token t, its target y (1 if t
    belongs to the phrase of the anchor's box), and the centerness c of an anchor in its box:

        L_cls = 1 / |P|  *  sum over all a of  w_a * sum over real tokens t of  focal(s_at, y_at)
        L_loc = 2 / C    *  sum over a in P of  w_a * c_a * (1 - GIoU_a),  with C = sum of c_a
              + 1 / |P|  *  sum over a in P of  w_a * BCE(centerness logit_a, c_a)

    Of phrases that may have objects without a box (`Batch.unsure`) only the tokens t with y_at = 1
    are in the sum. |P| and C are means over the batches of one step, in all processes, |P| at least
    1, so that the mean of their losses is the loss of their joint batch.
    """

    def forward(self, output: Output, batch: Batch, means: Tensor | None = None) -> LossTerms:
        """Loss terms of a batch; `means` (2,) of |P| and C, those of the batch by default.

        A GPU need not tell the CPU anything for it if the batch has targets. One without gets them
        here.
        """
        targets = targets_of(batch) if batch.targets is None else batch.targets
        positives, centerness_sum = (targets.sums if means is None else means).unbind()
        positives = positives.clamp(min=1)
        words = _word_targets(output, batch, targets)
        word_losses = sigmoid_focal_loss(_precise(output.alignment), words)
        anchor_losses = (word_losses * _counted(batch, words)).sum(-1).flatten()
        alignment = (anchor_losses * _anchor_weights(anchor_losses, targets)).sum() / positives

        predicted = decode(
            _precise(output.deltas.flatten(0, 1).index_select(0, targets.rows)),
            output.anchors.index_select(0, targets.rows % len(output.anchors)),
        )
        box_losses = targets.weights * (1 - giou(predicted, targets.boxes))
        # C is 0 if all anchors' centres lie on edges of their boxes; then all count equally.
        box = torch.where(
            centerness_sum > 0,
            (box_losses * targets.centerness).sum() / centerness_sum.clamp(min=1e-9),
            box_losses.sum(),
        )
        logits = _precise(output.centerness.flatten().index_select(0, targets.rows))
        centerness = F.binary_cross_entropy_with_logits(
            logits, targets.centerness, targets.weights, reduction="sum"
        )
        return LossTerms(alignment, BOX_WEIGHT * box, centerness / positives)


def _counted(batch: Batch, words: Tensor) -> Tensor:
    """Which targets (B, A or 1, T) of words count: those of real tokens.

    Where objects may lack a box, an anchor without that phrase says nothing about it.
    """
    if batch.unsure is None:
        return batch.attention_mask[:, None]
    return (batch.attention_mask & ~batch.unsure)[:, None] | (words > 0)


def _precise(values: Tensor) -> Tensor:
    """Values in at least float32, which autocast does not give."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _anchor_weights(anchor_losses: Tensor, targets: Targets) -> Tensor:
    """Weight (B * A,) of each anchor: that of its box, and 1 at the background."""
    ones = torch.ones_like(anchor_losses, dtype=targets.weights.dtype)
    return ones.index_copy_(0, targets.rows, targets.weights)


def _word_targets(output: Output, batch: Batch, targets: Targets) -> Tensor:
    """0/1 targets (B, A, T): for each positive anchor, the tokens of its box's phrase.

    In a caption that fills all MAX_TOKENS positions the last token, a separator, stands for
    "no object" and is the target of all other anchors, as the released models were trained.
    """
    words = output.alignment.new_zeros(output.alignment.shape, dtype=torch.float32)
    if words.shape[-1] == MAX_TOKENS:
        is_read = (
            batch.attention_mask if batch.unsure is None else (batch.attention_mask & ~batch.unsure)
        )
        words[..., -1] = is_read[:, -1:].float()
    own = torch.cat(batch.phrase_masks).index_select(0, targets.phrases).float()  # (P, T)
    words.view(-1, words.shape[-1]).index_copy_(0, targets.rows, own)
    return words
