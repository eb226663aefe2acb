"""The computation that an exported file holds: tensors in, tensors out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from glip_pl.boxes import decode, plain
from glip_pl.exporting.selection import kept_pairs
from glip_pl.inference.decoding import Decoder
from glip_pl.models.glip import GLIP
from glip_pl.types import Output, TextFeatures

RAW = ("token_scores", "centerness", "boxes")
DECODED = ("image_ids", "boxes", "scores", "phrase_ids")
"""Names of the outputs."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Names that are frozen into a graph: the encoded text and the tokens of each phrase."""

    text: TextFeatures  # (1, T, C)
    phrase_masks: Tensor  # (P, T) bool
    classes: tuple[str, ...]  # P names


class Graph(nn.Module):
    """GLIP as a function of a padded batch; boxes are in pixels of its images, x2 - x1 is a width.

    Without a decoder the outputs are the scores of all anchors for all tokens (B, A, T), their
    centerness (B, A) and boxes (B, A, 4). With it they are those of all K detections, best first:
    the row of the batch (K,), boxes (K, 4), scores (K,) and phrases (K,).
    """

    hidden: Tensor
    mask: Tensor
    masks: Tensor

    def __init__(self, model: GLIP, decoder: Decoder | None, vocabulary: Vocabulary | None) -> None:
        super().__init__()
        self.model = model
        self.decoder = decoder
        self.frozen = vocabulary is not None
        if vocabulary is not None:
            self.classes = vocabulary.classes
            self.register_buffer("hidden", vocabulary.text.hidden.clone())
            self.register_buffer("mask", vocabulary.text.mask.clone())
            self.register_buffer("masks", vocabulary.phrase_masks.clone())
            self.deeper = nn.ParameterList(
                nn.Parameter(rows.clone(), requires_grad=False) for rows in vocabulary.text.deeper
            )

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        words = () if self.frozen else ("tokens", "attention_mask")
        phrases = () if self.frozen or self.decoder is None else ("phrase_masks",)
        return ("images", "sizes", *words, *phrases)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return RAW if self.decoder is None else DECODED

    def forward(
        self,
        images: Tensor,
        sizes: Tensor,
        tokens: Tensor | None = None,
        attention_mask: Tensor | None = None,
        phrase_masks: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Outputs for images (B, 3, H, W) uint8 RGB, whose sides are multiples of 32 pixels.

        `sizes` are the true (height, width) (B, 2), token ids and their mask are (B, T), the tokens
        of phrases (B, P, T); a phrase without tokens is never found.
        """
        output, masks = self.grounded(images, sizes, tokens, attention_mask, phrase_masks)
        if self.decoder is None or masks is None:
            boxes = plain(decode(output.deltas, output.anchors))
            return output.alignment.sigmoid(), output.centerness.sigmoid(), boxes
        return self._decoded(self.decoder, output, sizes, masks)

    def grounded(
        self,
        images: Tensor,
        sizes: Tensor,
        tokens: Tensor | None = None,
        attention_mask: Tensor | None = None,
        phrase_masks: Tensor | None = None,
    ) -> tuple[Output, Tensor | None]:
        """The model's output, and the tokens of phrases (B, P, T), for the inputs of `forward`."""
        count = images.shape[0]
        if tokens is None or attention_mask is None:
            hidden, mask, masks, *deeper = (
                part.expand(count, *part.shape[1:]) for part in self._frozen_tensors()
            )
            text, phrase_masks = TextFeatures(hidden, mask, deeper), masks
        else:
            text = self.model.encode_text(tokens, attention_mask)
        return self.model.ground(self.model.encode_image(images, sizes), text), phrase_masks

    def _frozen_tensors(self) -> list[Tensor]:
        """Features, mask and phrases of the frozen vocabulary, and additions for later fusions."""
        return [self.hidden, self.mask, self.masks[None], *self.deeper]

    def _decoded(
        self, decoder: Decoder, output: Output, sizes: Tensor, phrase_masks: Tensor
    ) -> tuple[Tensor, ...]:
        """The steps of `Decoder.decode` for a whole batch, without lengths that depend on data."""
        boxes, scores, phrases = self._candidates(decoder, output, phrase_masks)
        limit = (sizes.flip(1).repeat(1, 2) - 1).to(boxes.dtype)[:, None]
        boxes = plain(torch.minimum(boxes.clamp(min=0), limit))
        kept = kept_pairs(boxes, scores, phrases, phrase_masks.shape[1], decoder.nms_iou)
        image, candidate = kept[:, 0], kept[:, 1]
        score, order = torch.sort(scores[image, candidate], descending=True)
        image, candidate = image[order], candidate[order]
        # Boxes that score as much as the last one stay: only better ones count.
        better = (image[:, None] == image) & (score[:, None] < score)
        chosen = better.sum(1) < decoder.max_detections
        image, candidate, score = image[chosen], candidate[chosen], score[chosen]
        return image, boxes[image, candidate], score, phrases[image, candidate]

    def _candidates(
        self, decoder: Decoder, output: Output, phrase_masks: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (B, N, 4), scores (B, N) and phrases (B, N): the best pairs of every level."""
        weights = phrase_masks.float()
        weights = weights / weights.sum(2, keepdim=True).clamp(min=1)
        shares = output.alignment.sigmoid() @ weights.mT  # (B, A, P)
        values = shares * output.centerness.sigmoid()[..., None]
        values = torch.where(shares > decoder.score_threshold, values, 0.0)
        count = phrase_masks.shape[1]
        per_level = decoder.candidates_per_level
        found_scores, found_pairs, start = [], [], 0
        for size in output.level_sizes:
            level = values.narrow(1, start, size).flatten(1)
            padded = nn.functional.pad(level, (0, per_level))  # a level may have fewer pairs
            score, pair = padded.topk(per_level, dim=1)
            found_scores.append(score.sqrt())
            found_pairs.append(torch.where(score > 0, pair + start * count, 0))
            start = start + size
        pairs = torch.cat(found_pairs, dim=1)
        anchors = pairs // count
        phrases = pairs - anchors * count  # ONNX has no remainder by a size
        codes = output.deltas.gather(1, anchors[..., None].expand(-1, -1, 4))
        return decode(codes, output.anchors[anchors]), torch.cat(found_scores, dim=1), phrases
