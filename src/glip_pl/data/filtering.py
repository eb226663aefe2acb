"""Which of a teacher's boxes a student learns from; GLIP stores many and screens when it loads."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from glip_pl.data.arrays import Ragged


@dataclass(frozen=True)
class BoxFilter:
    """Boxes above a score; of those that overlap by more than `nms` (IoU), the best.

    The released GLIP-L learned from scores above 0.5, without NMS.
    """

    min_score: float = 0.5
    min_boxes: int = 1  # pictures with fewer above the score are left out
    nms: float | None = None

    def rows(self, scores: Ragged[np.float32]) -> NDArray[np.bool_]:
        """Which pictures have enough boxes."""
        above = np.concatenate([[0], np.cumsum(scores.values > np.float32(self.min_score))])
        return np.diff(above[scores.offsets]) >= self.min_boxes

    def boxes(self, boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which boxes (N, 4) of one picture to keep, (N,)."""
        kept = scores > self.min_score
        if self.nms is None:
            return kept
        chosen = np.flatnonzero(kept)
        best = nms(torch.from_numpy(boxes[chosen]), torch.from_numpy(scores[chosen]), self.nms)
        kept[:] = False
        kept[chosen[best.numpy()]] = True
        return kept
