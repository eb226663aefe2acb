"""Detections over batches and processes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from glip_pl.data.formats.coco import CocoJson
from glip_pl.errors import UserError
from glip_pl.metrics import lvis
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.metrics.lvis import LVISAveragePrecision
from glip_pl.types import Detections
from tests.metrics import reference

Answers = Sequence[tuple[int, Detections]]


def given(folder: Path, seed: int) -> tuple[Path, Answers]:
    """A truth file, and detections of each of its images as a model hands them over."""
    content, results = reference.some_set(seed, federated=True, images=12)
    path = folder / "truth.json"
    path.write_text(json.dumps(content))
    ids = sorted(one["id"] for one in content["categories"])
    answers = []
    for image in content["images"]:
        mine = [one for one in results if one["image_id"] == image["id"]]
        mine.sort(key=lambda one: -one["score"])
        boxes = torch.tensor([one["bbox"] for one in mine], dtype=torch.float32).view(-1, 4)
        boxes[:, 2:] += boxes[:, :2] - 1  # inclusive corners
        scores = torch.tensor([one["score"] for one in mine])
        labels = torch.tensor([ids.index(one["category_id"]) for one in mine], dtype=torch.int64)
        answers.append((image["id"], Detections(boxes, scores, labels)))
    return path, answers


def counted(path: Path, answers: Answers, kind: type = COCOAveragePrecision) -> dict[str, float]:
    metric = kind(CocoJson(path, path.parent).truth)
    for image_id, found in answers:
        metric.update([found], [image_id])
    figures: dict[str, float] = metric.compute()
    metric.reset()
    assert not metric.batches
    return figures


def test_batches_in_any_order_are_the_file(tmp_path: Path) -> None:
    path, answers = given(tmp_path, 5)
    content, results = reference.some_set(5, federated=True, images=12)
    known = reference.average_precision(content, results, 100, False)
    figures = counted(path, answers)
    assert figures["AP"] == pytest.approx(np.mean(list(known.values())))
    np.testing.assert_equal(counted(path, answers[::-1]), figures)
    np.testing.assert_equal(counted(path, [*answers, *answers[:3]]), figures)  # seen twice


def test_a_part_of_a_set_is_measured_by_itself(tmp_path: Path) -> None:
    path, answers = given(tmp_path, 5)
    seen = {image for image, _ in answers[:5]}
    content = json.loads(path.read_text())
    part = tmp_path / "part.json"
    content["images"] = [one for one in content["images"] if one["id"] in seen]
    content["annotations"] = [one for one in content["annotations"] if one["image_id"] in seen]
    part.write_text(json.dumps(content))
    for kind in (COCOAveragePrecision, LVISAveragePrecision):
        np.testing.assert_equal(counted(path, answers[:5], kind), counted(part, answers[:5], kind))


def test_detections_of_another_set_are_told(tmp_path: Path) -> None:
    path, answers = given(tmp_path, 5)
    with pytest.raises(UserError, match="the image 4711, which is not in the annotations"):
        counted(path, [(4711, answers[0][1])])


def test_what_cannot_count_is_dropped_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, answers = given(tmp_path, 7)
    monkeypatch.setattr(lvis, "PER_IMAGE", 3)
    monkeypatch.setattr(lvis, "PER_CATEGORY", 5)
    known = counted(path, answers, LVISAveragePrecision)
    monkeypatch.setattr(lvis, "TOO_MANY", 10)
    metric = LVISAveragePrecision(CocoJson(path, tmp_path).truth)
    for image_id, found in answers:
        metric.update([found], [image_id])
    assert metric.held < sum(len(found) for _, found in answers)
    np.testing.assert_equal(metric.compute(), known)


def rank(number: int, ranks: int, folder: Path, path: Path, answers: Answers, kind: Any) -> None:
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=number, world_size=ranks
    )
    # The last process has seen nothing; the first image was seen by two.
    mine = answers[number :: ranks - 1] if number < ranks - 1 else []
    figures = counted(path, [*mine, *(answers[:1] if number == 1 else [])], kind)
    (folder / f"{number}.json").write_text(json.dumps(figures))
    dist.destroy_process_group()


@pytest.mark.parametrize("kind", [COCOAveragePrecision, LVISAveragePrecision])
def test_processes_agree_on_what_one_finds(kind: Any, tmp_path: Path) -> None:
    path, answers = given(tmp_path, 3)
    spawn(rank, (3, tmp_path, path, answers, kind), nprocs=3)
    known = counted(path, answers, kind)
    for number in range(3):
        np.testing.assert_equal(json.loads((tmp_path / f"{number}.json").read_text()), known)
