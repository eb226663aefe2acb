"""Compares detections in the picture of the official demo with figures that others published."""

from dataclasses import dataclass

import torch
from torch import Tensor

from glip_pl.boxes import iou_plus_one
from glip_pl.types import Detections, Prompt

CAPTION = "person . sofa . remote . "
"""Text of the published detections."""

THRESHOLD = 0.5
"""Score above which detections were published."""


@dataclass(frozen=True)
class Detection:
    """A detection; `box` is (x1, y1, x2, y2) with both end pixels, as the official code has it."""

    phrase: str
    score: float
    box: tuple[float, ...]

    def __str__(self) -> str:
        corners = " ".join(f"{corner:7.2f}" for corner in self.box)
        return f"{self.phrase:<8} {self.score:.4f}  {corners}"


PUBLISHED = (
    Detection("sofa", 0.7998, (337.51, 205.84, 600.71, 364.89)),
    Detection("sofa", 0.7174, (317.88, 289.49, 639.40, 477.66)),
    Detection("remote", 0.5777, (367.74, 306.44, 398.39, 316.48)),
    Detection("person", 0.5554, (188.31, 19.47, 200.02, 47.55)),
)
"""Detections of GLIP-T (comments in test.py of github.com/ekorman/GLIP; not verified by others)."""


def named(detections: Detections, prompt: Prompt) -> list[Detection]:
    """Detections with the words of their phrases."""
    return [
        Detection(prompt.phrase_text(phrase), score, tuple(box))
        for phrase, score, box in zip(
            detections.phrase_ids.tolist(),
            detections.scores.tolist(),
            detections.boxes.tolist(),
            strict=True,
        )
    ]


def pairs(detected: list[Detection]) -> list[tuple[Detection | None, Detection | None]]:
    """Detections beside the published ones of the same phrase that they overlap most.

    First an entry for each published detection, then the others; None: it has no counterpart.
    """
    remaining = list(detected)
    rows: list[tuple[Detection | None, Detection | None]] = []
    for published in PUBLISHED:
        nearest = max(
            (detection for detection in remaining if _overlap(detection, published) > 0),
            key=lambda detection: _overlap(detection, published),
            default=None,
        )
        if nearest is not None:
            remaining.remove(nearest)
        rows.append((nearest, published))
    return rows + [(detection, None) for detection in remaining]


def report(detected: list[Detection]) -> str:
    """A line for each pair of a detection and a published one, and the largest differences."""
    rows = pairs(detected)
    lines = [f"{'detected':<50} published"]
    lines += [f"{_cell(detection):<50} {_cell(published)}" for detection, published in rows]
    matched = [(here, there) for here, there in rows if here is not None and there is not None]
    summary = f"{len(matched)} of the {len(PUBLISHED)} published detections were found"
    if matched:
        score = max(abs(here.score - there.score) for here, there in matched)
        pixels = max(float((_box(here) - _box(there)).abs().max()) for here, there in matched)
        summary += f"; scores differ by up to {score:.4f}, corners by up to {pixels:.2f} pixels"
    return "\n".join([*lines, summary])


def _cell(detection: Detection | None) -> str:
    return "-" if detection is None else str(detection)


def _box(detection: Detection) -> Tensor:
    return torch.tensor([detection.box])


def _overlap(first: Detection, second: Detection) -> float:
    """IoU of two detections of the same phrase; 0 if the phrases differ."""
    if first.phrase != second.phrase:
        return 0.0
    return float(iou_plus_one(_box(first), _box(second)))
