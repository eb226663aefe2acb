"""Compares what a file computes with PyTorch, before the file is accepted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glip_pl.boxes import decode, plain
from glip_pl.exporting.graph import Graph
from glip_pl.exporting.running import Arrays, Runner

PIXELS = 0.5
"""Largest difference of a box."""

SCORE = 1e-3
"""Largest difference of a score."""


@dataclass(frozen=True)
class Difference:
    """The largest differences in one batch."""

    case: str
    pixels: float
    score: float
    unmatched: int  # detections of one side without a partner

    @property
    def accepted(self) -> bool:
        """Whether both sides agree."""
        return self.pixels <= PIXELS and self.score <= SCORE and not self.unmatched


def differences(graph: Graph, run: Runner, cases: Iterable[tuple[str, Arrays]]) -> list[Difference]:
    """How far a file is from the model and decoder that its graph was made of."""
    found = []
    for name, inputs in cases:
        expected = [tensor.numpy() for tensor in reference(graph, inputs)]
        compare = _anchors if graph.decoder is None else _detections
        found.append(Difference(name, *compare(expected, run(inputs))))
    return found


@torch.inference_mode()
def reference(graph: Graph, inputs: Arrays) -> tuple[Tensor, ...]:
    """What the outputs of a graph must be, by the usual forms of the model and by its decoder."""
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
    sizes = tensors["sizes"]
    output, phrase_masks = graph.grounded(**tensors)
    if graph.decoder is None:
        boxes = plain(decode(output.deltas, output.anchors))
        return output.alignment.sigmoid(), output.centerness.sigmoid(), boxes
    assert phrase_masks is not None
    parts = [
        (torch.full_like(found.phrase_ids, row), plain(found.boxes), found.scores, found.phrase_ids)
        for row, (size, masks) in enumerate(zip(sizes, phrase_masks, strict=True))
        for found in [graph.decoder.decode(output, row, masks, size, size)]
    ]
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))


def _anchors(expected: Sequence[Any], actual: Sequence[Any]) -> tuple[float, float, int]:
    """Differences of all anchors."""
    if any(one.shape != other.shape for one, other in zip(expected, actual, strict=True)):
        return np.inf, np.inf, len(expected[2])
    words, centerness, boxes = (
        _largest(one, other) for one, other in zip(expected, actual, strict=True)
    )
    return boxes, max(words, centerness), 0


def _largest(one: Any, other: Any) -> float:
    difference = np.abs(one.astype(np.float64) - other.astype(np.float64))
    return float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0))


def _detections(expected: Sequence[Any], actual: Sequence[Any]) -> tuple[float, float, int]:
    """Differences of detections; each has a partner of the same image and phrase."""
    (images, boxes, scores, phrases), (images2, boxes2, scores2, phrases2) = expected, actual
    free = np.ones(len(images2), dtype=bool)
    pixels = score = 0.0
    unmatched = 0
    for row in range(len(images)):
        same = free & (images2 == images[row]) & (phrases2 == phrases[row])
        if not same.any():
            unmatched += 1
            continue
        off = np.abs(boxes2 - boxes[row]).max(1) / PIXELS
        off = np.maximum(off, np.abs(scores2 - scores[row]) / SCORE)
        nearest = int(np.where(same, off, np.inf).argmin())
        free[nearest] = False
        pixels = max(pixels, _largest(boxes2[nearest], boxes[row]))
        score = max(score, _largest(scores2[nearest], scores[row]))
    return pixels, score, unmatched + int(free.sum())
