"""Pictures of the images with the most missed boxes, ground truth beside detections."""

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
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.types import SHOWN_SCORE, Detections


class Miss(NamedTuple):
    """An image with missed boxes, drawn with its ground truth and its detections."""

    image_id: int
    name: str  # of its picture in the annotations
    missed: int  # number of ground-truth boxes, or of phrases, without a correct detection
    picture: Image.Image


def worst_misses(
    dataset: EvaluationSet, metric: DetectionMetric[Any], count: int
) -> Iterator[Miss]:
    """Up to `count` readable images with missed boxes, those with the most first."""
    truth, detections = metric.truth_and_detections()
    missed = metric.missed_per_image(truth, detections)
    collate = Collate(dataset.tokenizer)
    shown = 0
    for row in np.argsort(-missed, kind="stable"):
        if missed[row] == 0 or shown == count:
            return
        image_id = int(truth.image_ids[row])
        sample = dataset[dataset.position_of(image_id)]
        if sample.unreadable is not None:
            continue
        shown += 1
        of_image = _detections(detections[detections.images == row], isinstance(truth, Truth))
        picture = comparison(collate([sample]), 0, of_image, SHOWN_SCORE)
        yield Miss(image_id, dataset.picture_name(image_id), int(missed[row]), picture)


def _detections(rows: DetectionsTable, from_sizes: bool) -> Detections:
    """Rows of a metric's table as detections with corners.

    With `from_sizes` the table has x, y, width and height, as the protocols for categories do.
    """
    corners = rows.boxes
    if from_sizes:
        corners = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:] - 1], axis=1)
    return Detections(
        torch.from_numpy(corners).float(),
        torch.from_numpy(rows.scores).float(),
        torch.from_numpy(rows.labels),
    )
