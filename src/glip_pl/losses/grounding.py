"""The grounding loss: words, boxes and centerness (paper 3.1)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glip_pl.boxes import centers_and_sizes, decode, giou
from glip_pl.losses.assignment import atss
from glip_pl.losses.focal import sigmoid_focal_loss
from glip_pl.types import MAX_TOKENS, Batch, LossTerms, Output

BOX_WEIGHT = 2.0


def centerness_targets(boxes: Tensor, anchors: Tensor) -> Tensor:
    """How central each anchor (N, 4) is in its box (N, 4), in [0, 1]."""
    center, _ = centers_and_sizes(anchors)
    low, high = center - boxes[:, :2], boxes[:, 2:] - center
    ratio = torch.minimum(low, high) / torch.maximum(low, high)
    return ratio.prod(-1).clamp(min=0).sqrt()


def identity(value: Tensor) -> Tensor:
    """The mean over one process."""
    return value


class GroundingLoss(nn.Module):
    """Focal loss of every anchor against every real word, GIoU and centerness of positives."""

    def forward(
        self, output: Output, batch: Batch, mean_over_ranks: Callable[[Tensor], Tensor] = identity
    ) -> LossTerms:
        """Loss terms of a batch; `mean_over_ranks` averages a scalar over processes.

        Words are normalised by the positives per process, so that the mean of the processes'
        losses is the loss of their joint batch.
        """
        with torch.no_grad():
            assigned = [
                atss(boxes, output.anchors, output.level_sizes) for boxes in batch.boxes
            ]  # B x (A,)
        owners = torch.stack(assigned)
        positive = owners >= 0  # (B, A)
        count = positive.sum().float()
        per_process = mean_over_ranks(count).clamp(min=1)

        targets = self._word_targets(output, batch, owners)
        word_losses = sigmoid_focal_loss(output.alignment.float(), targets)
        per_anchor = (word_losses * batch.attention_mask[:, None]).sum(-1)
        counts = self._weights(batch, owners)
        alignment = (per_anchor * counts).sum() / per_process

        image_index, anchor_index = positive.nonzero(as_tuple=True)
        offsets = torch.tensor([0, *(len(boxes) for boxes in batch.boxes[:-1])]).cumsum(0)
        box_index = owners[positive] + offsets.to(owners.device)[image_index]
        gold = torch.cat(batch.boxes)[box_index]
        anchors = output.anchors[anchor_index]
        found = decode(output.deltas[positive].float(), anchors)
        central = centerness_targets(gold, anchors)
        weight_sum = mean_over_ranks(central.sum())
        counts = counts[positive]
        box_losses = counts * (1 - giou(found, gold))
        # A box whose anchors all sit on its rim has no weight; then every anchor counts alike.
        box = torch.where(
            weight_sum > 0,
            (box_losses * central).sum() / weight_sum.clamp(min=1e-9),
            box_losses.sum(),
        )
        centerness = F.binary_cross_entropy_with_logits(
            output.centerness[positive].float(), central, counts, reduction="sum"
        )
        return LossTerms(alignment, BOX_WEIGHT * box, centerness / per_process)

    def _weights(self, batch: Batch, owners: Tensor) -> Tensor:
        """How much each anchor (B, A) counts: as its box; 1 where it has none."""
        weights = torch.ones_like(owners, dtype=torch.float32)
        for row, owner, of_box in zip(weights, owners, batch.weights, strict=False):
            anchors = (owner >= 0).nonzero(as_tuple=True)[0]
            row[anchors] = of_box[owner[anchors]]
        return weights

    def _word_targets(self, output: Output, batch: Batch, owners: Tensor) -> Tensor:
        """0/1 targets (B, A, T): the words of the box that each positive anchor belongs to.

        In a caption that fills all MAX_TOKENS positions the last one, a separator, stands for
        "nothing" and is the target of all other anchors, as the released models were trained.
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
