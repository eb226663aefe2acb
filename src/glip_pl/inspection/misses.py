"""The pictures in which most was not found."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from glip_pl.data.collate import Collate
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.truth import Truth
from glip_pl.inference.drawing import comparison
from glip_pl.metrics.base import DetectionMetric
from glip_pl.types import SHOWN_SCORE, Detections


class Miss(NamedTuple):
    """A picture with its truth beside what was found."""

    image_id: int
    missed: int  # boxes, or phrases
    picture: Image.Image


def worst_misses(
    dataset: EvaluationSet, metric: DetectionMetric[Any], count: int
) -> Iterator[Miss]:
    """The worst first; pictures in which all was found do not come."""
    truth, found = metric.truth_and_detections()
    missed = metric.missed_per_image(truth, found)
    collate = Collate(dataset.tokenizer)
    for row in np.argsort(-missed, kind="stable")[:count]:
        if missed[row] == 0:
            return
        image_id = int(truth.image_ids[row])
        batch = collate([dataset[dataset.place_of(image_id)]])
        mine = found[found.images == row]
        corners = mine.boxes
        if isinstance(truth, Truth):
            corners = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:] - 1], axis=1)
        detections = Detections(
            torch.from_numpy(corners).float(),
            torch.from_numpy(mine.scores).float(),
            torch.from_numpy(mine.labels),
        )
        yield Miss(image_id, int(missed[row]), comparison(batch, 0, detections, SHOWN_SCORE))
