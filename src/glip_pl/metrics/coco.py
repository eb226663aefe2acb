"""COCO average precision of detections."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.detection import MeanAveragePrecision

from glip_pl.boxes import plain, scale_to
from glip_pl.types import Batch, Detections

Boxes = dict[str, Tensor]
"""One image's boxes as torchmetrics takes them."""

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
        self.seen: list[tuple[Boxes, Boxes]] = []

    def update(self, found: Sequence[Detections], batch: Batch) -> None:
        """Count one batch."""
        for row, one in enumerate(found):
            size, original = (
                (int(sizes[row, 0]), int(sizes[row, 1]))
                for sizes in (batch.sizes, batch.original_sizes)
            )
            truth = plain(scale_to(batch.boxes[row], size, original))
            self.seen.append(
                (
                    {
                        "boxes": plain(one.boxes).cpu(),
                        "scores": one.scores.cpu(),
                        "labels": one.phrase_ids.cpu(),
                    },
                    {"boxes": truth.cpu(), "labels": batch.phrase_ids[row].cpu()},
                )
            )

    def compute(self) -> dict[str, float]:
        """AP, AP50, ... in 0..1, and AP/<name> of every category; nan where nothing was to find."""
        precision = MeanAveragePrecision(
            box_format="xyxy",
            iou_type="bbox",
            class_metrics=True,
            backend="pycocotools",
            sync_on_compute=False,
        )
        precision.warn_on_many_detections = False  # more than 100 are cut, as COCO does
        everything = _over_ranks(self.seen)
        precision.update([one for one, _ in everything], [truth for _, truth in everything])
        values: dict[str, Any] = precision.compute()
        result = {ours: _number(values[theirs]) for ours, theirs in SUMMARY.items()}
        classes = values["classes"].reshape(-1).tolist()
        per_class = values["map_per_class"].reshape(-1).tolist()
        for index, value in zip(classes, per_class, strict=True):
            result[f"AP/{self.names[int(index)]}"] = value if value >= 0 else float("nan")
        return result

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.seen = []


def _over_ranks(seen: list[tuple[Boxes, Boxes]]) -> list[tuple[Boxes, Boxes]]:
    """All processes' images, for every process.

    torchmetrics would gather image by image, which hangs when ranks hold different numbers.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return seen
    shares: list[list[tuple[Boxes, Boxes]]] = [[]] * dist.get_world_size()
    dist.all_gather_object(shares, seen)
    return [one for share in shares for one in share]


def _number(value: Tensor) -> float:
    """-1 is pycocotools' word for "nothing to find"."""
    number = float(value)
    return number if number >= 0 else torch.nan
