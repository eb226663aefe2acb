"""What several tests of metrics need: cases as files, and the figures of pycocotools."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.truth import Truth
from glip_pl.metrics.detections_table import DetectionsTable

TWELVE = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
"""Names of COCO's figures, in the order of pycocotools."""


def truth_and_detections(
    folder: Path, content: dict[str, Any], results: list[dict[str, Any]]
) -> tuple[Truth, DetectionsTable]:
    """The content of an annotation file and of a results file, as metrics take them."""
    path = folder / "truth.json"
    path.write_text(json.dumps(content))
    truth = CocoJson(path, folder).truth()
    return truth, DetectionsTable.from_coco(results, truth.image_ids, truth.category_ids)


def pycocotools_figures(truth: Path, results: Any) -> list[float]:
    """COCO's twelve figures; `results` is a list of entries or the path of a results file."""
    coco = COCO(str(truth))
    evaluator = COCOeval(coco, coco.loadRes(results), "bbox")
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    figures: list[float] = evaluator.stats.tolist()
    return figures


def mean(values: Iterable[float]) -> float:
    """NaN if there are no values."""
    values = list(values)
    return float(np.mean(values)) if values else float("nan")
