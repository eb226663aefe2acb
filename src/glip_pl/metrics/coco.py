"""COCO average precision of detections."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.detection import MeanAveragePrecision

from glip_pl.boxes import plain, scale_to
from glip_pl.types import Batch, Detections

SUMMARY = {
    "AP": "map",
    "AP50": "map_50",
    "AP75": "map_75",
    "APs": "map_small",
    "APm": "map_medium",
    "APl": "map_large",
    "AR": "mar_100",
}
"""Our names and torchmetrics' for the twelve-number summary's most read part."""


class COCOAveragePrecision(Metric):
    """AP over IoU 0.5 to 0.95 and 100 boxes an image, in pixels of the image on disk.

    A thin shell around torchmetrics (pycocotools does the matching): it turns inclusive corners
    into plain ones and names the categories. Sizes count as in COCO only without segmentations.
    """

    full_state_update = False

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = list(names)
        self.precision = MeanAveragePrecision(
            box_format="xyxy", iou_type="bbox", class_metrics=True, backend="pycocotools"
        )
        # A picture of 100 boxes or fewer never warns; more are cut as COCO does.
        self.precision.warn_on_many_detections = False

    def update(self, found: Sequence[Detections], batch: Batch) -> None:
        """Count one batch."""
        predictions = [
            {"boxes": plain(one.boxes), "scores": one.scores, "labels": one.phrase_ids}
            for one in found
        ]
        targets = []
        for boxes, labels, size, original in zip(
            batch.boxes, batch.phrase_ids, batch.sizes, batch.original_sizes, strict=True
        ):
            on_disk = scale_to(boxes, _pair(size), _pair(original))
            targets.append({"boxes": plain(on_disk), "labels": labels})
        self.precision.update(predictions, targets)

    def compute(self) -> dict[str, float]:
        """AP, AP50, ... in 0..1, and AP/<name> of every category; nan where nothing was to find."""
        values: dict[str, Any] = self.precision.compute()
        result = {ours: _number(values[theirs]) for ours, theirs in SUMMARY.items()}
        classes = values["classes"].reshape(-1).tolist()
        per_class = values["map_per_class"].reshape(-1).tolist()
        for index, value in zip(classes, per_class, strict=True):
            result[f"AP/{self.names[int(index)]}"] = value if value >= 0 else float("nan")
        return result

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.precision.reset()


def _pair(size: Tensor) -> tuple[int, int]:
    return int(size[0]), int(size[1])


def _number(value: Tensor) -> float:
    """-1 is pycocotools' word for "nothing to find"."""
    number = float(value)
    return number if number >= 0 else torch.nan
