"""Second opinions on a teacher's detections: the mirrored picture, and another model."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, Self

import torch
from PIL import Image
from torch import Tensor

from glip_pl.boxes import iou_plus_one
from glip_pl.data.transforms import flip_boxes, is_sided
from glip_pl.devices import AUTO, chosen_device
from glip_pl.errors import UserError
from glip_pl.types import Detections, Prompt

MIN_IOU = 0.5
"""IoU from which a box in the picture and one in the mirrored picture are the same object."""


def can_be_mirrored(prompt: Prompt) -> bool:
    """Whether the caption also describes the mirrored picture: it says neither left nor right."""
    return not is_sided(prompt.caption)


def agreeing(detections: Detections, mirrored: Detections, width: int) -> Detections:
    """The detections with the mean of both scores, sorted by it.

    `mirrored` are the detections in the mirrored picture, `width` is the picture's, in pixels. A
    detection that the mirrored picture does not confirm gets half of its score.
    """
    same = iou_plus_one(detections.boxes, flip_boxes(mirrored.boxes, width)) >= MIN_IOU
    same &= detections.phrase_ids[:, None] == mirrored.phrase_ids[None]
    if len(mirrored):
        mirrored_scores = (same * mirrored.scores[None]).amax(1)
    else:
        mirrored_scores = torch.zeros(len(detections))
    return by_score(replace(detections, scores=(detections.scores + mirrored_scores) / 2))


def by_score(detections: Detections) -> Detections:
    """The same detections, sorted by descending score."""
    order = detections.scores.argsort(descending=True, stable=True)
    return Detections(
        detections.boxes[order], detections.scores[order], detections.phrase_ids[order]
    )


class Scorer(Protocol):
    """Another model that scores a teacher's detections."""

    def __call__(self, image: Image.Image, texts: Sequence[str], detections: Detections) -> Tensor:
        """Scores (K,) in [0, 1] of the boxes in an RGB picture; phrase ids index `texts`."""


class ClipScorer:
    """How well a phrase describes the pixels of its box according to CLIP, as in YOLO-World.

    The score is the phrase's softmax probability among all phrases of the caption and
    "background".
    """

    def __init__(self, model: Any, processor: Any) -> None:
        """`model` and `processor` are a CLIPModel and a CLIPProcessor of transformers."""
        self.model = model.eval()
        self.processor = processor

    @classmethod
    def load(cls, source: str = "openai/clip-vit-base-patch32", device: str = AUTO) -> Self:
        """Load CLIP from a folder or the hub. Raises UserError if that fails."""
        from transformers import CLIPModel, CLIPProcessor

        chosen = chosen_device(device)
        try:
            model = CLIPModel.from_pretrained(source, trust_remote_code=False).to(chosen)
            return cls(model, CLIPProcessor.from_pretrained(source, trust_remote_code=False))
        except (OSError, ValueError) as error:
            raise UserError(
                f"the scorer {source!r} is no folder and cannot be loaded from the hub (the "
                f"setting `scorer.source`; scorer=null leaves it out): {str(error)[:200]}"
            ) from error

    @torch.inference_mode()
    def __call__(self, image: Image.Image, texts: Sequence[str], detections: Detections) -> Tensor:
        """Scores (K,) in [0, 1]; phrase ids index `texts`."""
        if not len(detections):
            return detections.scores
        crops = [image.crop(_crop_area(box)) for box in detections.boxes.tolist()]
        inputs = self.processor(
            text=[*texts, "background"],
            images=crops,
            return_tensors="pt",
            padding=True,
            truncation=True,
        )
        logits = self.model(**inputs.to(self.model.device)).logits_per_image  # (K, texts + 1)
        probabilities: Tensor = logits.softmax(1).cpu()
        return probabilities[torch.arange(len(detections)), detections.phrase_ids]


def _crop_area(box: Sequence[float]) -> tuple[int, int, int, int]:
    """A box as Pillow's crop area in whole pixels, at least one pixel wide and high."""
    x1, y1, x2, y2 = box
    left, top = int(x1), int(y1)
    return left, top, max(left + 1, round(x2) + 1), max(top + 1, round(y2) + 1)


def rescored(detections: Detections, scores: Tensor) -> Detections:
    """The detections with the geometric mean of their own and the other `scores` (K,), sorted."""
    return by_score(replace(detections, scores=(detections.scores * scores).sqrt()))
