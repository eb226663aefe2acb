"""From anchor scores to boxes: token probabilities, centerness, non-maximum suppression."""

from dataclasses import dataclass

import torch
from torch import Tensor

from glip_pl.boxes import clip, decode, scale_to
from glip_pl.inference.suppression import best_of_rivals, groups_of, kept_boxes
from glip_pl.types import Batch, Detections, Output, Prompt


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs of an anchor and a phrase in one image that score best, before suppression."""

    anchors: Tensor  # (N,) int64
    phrases: Tensor  # (N,) int64
    scores: Tensor  # (N,)
    boxes: Tensor  # (N, 4) within the image, in pixels of the model's input


@dataclass(frozen=True)
class Decoder:
    """Post-processing of the released models; the defaults are those of the official GLIP code."""

    score_threshold: float = 0.05  # phrase probability below which an anchor is ignored
    candidates_per_level: int = 1000  # pairs of an anchor and a phrase, those that score best
    nms_iou: float = 0.6  # IoU of two boxes of a phrase above which the worse one is dropped
    max_detections: int = 100  # per image; more if several score as much as the last one
    exclusive: bool = False  # one box, one phrase: of overlapping boxes of rivals the best stays

    def __call__(self, output: Output, batch: Batch) -> list[Detections]:
        """Detections of every image, in pixels of the image on disk."""
        return [
            self.of_rivals(
                self.decode(
                    output,
                    index,
                    batch.phrase_masks[index],
                    batch.sizes[index],
                    batch.original_sizes[index],
                ),
                (batch.prompts[index],),
            )
            for index in range(len(batch))
        ]

    def decode(
        self, output: Output, index: int, phrase_masks: Tensor, size: Tensor, original_size: Tensor
    ) -> Detections:
        """Detections in row `index` of an output, best first.

        `phrase_masks` is (P, T) with T at most the output's; sizes are (height, width).
        """
        found = self.candidates(output, index, phrase_masks, size)
        keep = self.unsuppressed(found)
        if len(keep) > self.max_detections:  # boxes that score as much as the last one stay
            keep = keep[found.scores[keep] >= found.scores[keep[self.max_detections - 1]]]
        height, width = (int(side) for side in size)
        original = (int(original_size[0]), int(original_size[1]))
        scaled = scale_to(found.boxes[keep], (height, width), original)
        return Detections(scaled, found.scores[keep], found.phrases[keep], found.anchors[keep])

    def of_rivals(self, found: Detections, prompts: tuple[Prompt, ...]) -> Detections:
        """If `exclusive`, only the best of overlapping boxes of rivals, else all detections.

        Phrase ids count over the phrases of all prompts; those of one prompt may be rivals, which
        share their head noun (`prompts.rivals`). Many prompts divide a list of names, so that this
        is done after `decode`, whose limit of detections comes first.
        """
        return best_of_rivals(found, groups_of(prompts)) if self.exclusive else found

    def candidates(
        self, output: Output, index: int, phrase_masks: Tensor, size: Tensor
    ) -> Candidates:
        """The best pairs of each level whose phrase is likely enough; arguments as for `decode`."""
        words = phrase_masks.shape[1]
        scores = phrase_scores(output.alignment[index, :, :words].float(), phrase_masks)
        centerness = output.centerness[index].float().sigmoid()
        anchor_index, phrase_index, level_scores = [], [], []
        start = 0
        for count in output.level_sizes:
            level = slice(start, start + count)
            above = (scores[level] > self.score_threshold).nonzero()
            value = scores[level][above[:, 0], above[:, 1]] * centerness[level][above[:, 0]]
            value, best = value.topk(min(self.candidates_per_level, len(value)))
            anchor_index.append(above[best, 0] + start)
            phrase_index.append(above[best, 1])
            level_scores.append(value.sqrt())
            start += count
        anchors, phrases, score = (
            torch.cat(levels) for levels in (anchor_index, phrase_index, level_scores)
        )
        return Candidates(anchors, phrases, score, anchor_boxes(output, index, anchors, size))

    def unsuppressed(self, candidates: Candidates) -> Tensor:
        """Indices (K,) of candidates that no better one of their phrase overlaps, best first."""
        found = candidates
        return kept_boxes(found.boxes, found.scores, found.phrases, self.nms_iou)


def anchor_boxes(output: Output, index: int, anchors: Tensor, size: Tensor) -> Tensor:
    """Boxes (N, 4) that some anchors (N,) predict, within an image of `size` (height, width)."""
    boxes = decode(output.deltas[index, anchors].float(), output.anchors[anchors])
    return clip(boxes, int(size[0]), int(size[1]))


def phrase_scores(alignment: Tensor, phrase_masks: Tensor) -> Tensor:
    """Mean probability (A, P) of the tokens of each phrase; a phrase without tokens scores 0.

    `alignment` holds logits (A, T), `phrase_masks` is (P, T) bool.
    """
    weights = phrase_masks.float()
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1)
    # Under autocast the product would be in bf16, where different scores may become equal.
    with torch.autocast(alignment.device.type, enabled=False):
        return alignment.sigmoid() @ weights.T
