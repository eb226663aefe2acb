"""Second opinions on a teacher's boxes: the mirrored picture, and another model."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, Self

import torch
from PIL import Image
from torch import Tensor

from glip_pl.boxes import iou_plus_one
from glip_pl.data.transforms import flip_boxes, is_sided
from glip_pl.errors import UserError
from glip_pl.types import Detections, Prompt

MIN_IOU = 0.5
"""From which on two boxes are the same."""


def can_be_mirrored(prompt: Prompt) -> bool:
    """Whether the caption is as true of the mirrored picture."""
    return not is_sided(prompt.caption)


def agreeing(found: Detections, mirrored: Detections, width: int) -> Detections:
    """Boxes with the mean of both scores; `mirrored` was found in the mirrored picture.

    What is found in one of them only keeps half of its score.
    """
    same = iou_plus_one(found.boxes, flip_boxes(mirrored.boxes, width)) >= MIN_IOU
    same &= found.phrase_ids[:, None] == mirrored.phrase_ids[None]
    again = (same * mirrored.scores[None]).amax(1) if len(mirrored) else torch.zeros(len(found))
    return by_score(replace(found, scores=(found.scores + again) / 2))


def by_score(found: Detections) -> Detections:
    """The same boxes, best first."""
    order = found.scores.argsort(descending=True, stable=True)
    return Detections(found.boxes[order], found.scores[order], found.phrase_ids[order])


class Scorer(Protocol):
    """Another model's opinion."""

    def __call__(self, image: Image.Image, texts: Sequence[str], found: Detections) -> Tensor:
        """Scores (K,) in [0, 1] of boxes in an RGB picture, whose phrase ids index `texts`."""


class ClipScorer:
    """How well CLIP thinks that the words fit the pixels of a box, as YOLO-World asks it.

    The score is the word's share among all phrases of the caption and "background".
    """

    def __init__(self, model: Any, processor: Any) -> None:
        """`model` and `processor` are those of transformers."""
        self.model = model.eval()
        self.processor = processor

    @classmethod
    def load(cls, source: str = "openai/clip-vit-base-patch32", device: str = "cpu") -> Self:
        """From a folder or the hub. Raises UserError if it cannot be had."""
        from transformers import CLIPModel, CLIPProcessor

        try:
            model = CLIPModel.from_pretrained(source).to(device)
            return cls(model, CLIPProcessor.from_pretrained(source))
        except (OSError, ValueError) as error:
            raise UserError(
                f"the scorer {source!r} is neither a folder nor to be had from the hub (the "
                f"setting `scorer.source`; scorer=null leaves it out): {str(error)[:200]}"
            ) from error

    @torch.inference_mode()
    def __call__(self, image: Image.Image, texts: Sequence[str], found: Detections) -> Tensor:
        """Scores (K,) in [0, 1]; phrase ids index `texts`."""
        if not len(found):
            return found.scores
        crops = [image.crop(_whole_pixels(box)) for box in found.boxes.tolist()]
        asked = self.processor(
            text=[*texts, "background"],
            images=crops,
            return_tensors="pt",
            padding=True,
            truncation=True,
        )
        logits = self.model(**asked.to(self.model.device)).logits_per_image  # (K, texts + 1)
        shares: Tensor = logits.softmax(1).cpu()
        return shares[torch.arange(len(found)), found.phrase_ids]


def _whole_pixels(box: Sequence[float]) -> tuple[int, int, int, int]:
    """What Pillow cuts out, at least a pixel."""
    x1, y1, x2, y2 = box
    left, top = int(x1), int(y1)
    return left, top, max(left + 1, round(x2) + 1), max(top + 1, round(y2) + 1)


def rescored(found: Detections, second: Tensor) -> Detections:
    """Boxes by the geometric mean of both scores (K,)."""
    return by_score(replace(found, scores=(found.scores * second).sqrt()))
