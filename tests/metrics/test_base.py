"""Detections are collected over batches and processes in any order."""

import json
import time
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.lightning import find_free_network_port
from torch.multiprocessing.spawn import start_processes

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.truth import Truth
from glip_pl.errors import UserError
from glip_pl.metrics.base import DetectionMetric, FlatDetections
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.lvis import LVISAveragePrecision
from glip_pl.types import Detections
from tests.metrics import reference

Images = Sequence[tuple[int, Detections]]
Kind = type[DetectionMetric[Truth]]


def random_images(folder: Path, seed: int) -> tuple[Path, Images]:
    """An annotation file, and the detections in each of its images."""
    content, results = reference.random_set(seed, federated=True, images=12)
    path = folder / "truth.json"
    path.write_text(json.dumps(content))
    return path, reference.detections_of_images(content, results)


def figures_of(path: Path, images: Images, kind: Kind = COCOAveragePrecision) -> dict[str, float]:
    metric = kind(CocoJson(path, path.parent).truth)
    for image_id, detections in images:
        metric.update([detections], [image_id])
    figures: dict[str, float] = metric.compute()
    metric.reset()
    assert not metric.batches
    return figures


def test_selected_detections_keep_their_images() -> None:
    flat = FlatDetections(
        image_ids=torch.tensor([5, 3, 8]),
        counts=torch.tensor([2, 0, 1]),
        labels=torch.tensor([0, 1, 2], dtype=torch.int32),
        scores=torch.tensor([0.5, 0.25, 0.75]),
        boxes=torch.arange(12.0).view(3, 4),
    )
    assert flat.image_rows().tolist() == [0, 0, 2]
    selected = flat.select(torch.tensor([False, True, True]))
    assert selected.image_ids.tolist() == [5, 3, 8]
    assert selected.counts.tolist() == [1, 0, 1]
    assert selected.labels.tolist() == [1, 2]
    both = FlatDetections.concatenated([flat, selected])
    assert both.image_ids.tolist() == [5, 3, 8, 5, 3, 8]
    assert both.boxes.equal(torch.cat([flat.boxes, flat.boxes[1:]]))
    empty = FlatDetections.concatenated([])
    assert [len(tensor) for tensor in empty] == [0] * 5
    assert [tensor.dtype for tensor in empty] == [tensor.dtype for tensor in flat]


def test_the_order_of_images_changes_no_figure(tmp_path: Path) -> None:
    path, images = random_images(tmp_path, 5)
    content, results = reference.random_set(5, federated=True, images=12)
    known = reference.average_precision(content, results, 100, False)
    figures = figures_of(path, images)
    assert figures["AP"] == pytest.approx(np.mean(list(known.values())))
    np.testing.assert_equal(figures_of(path, images[::-1]), figures)
    np.testing.assert_equal(figures_of(path, [*images, *images[:3]]), figures)  # added twice


def test_a_subset_is_measured_by_itself(tmp_path: Path) -> None:
    path, images = random_images(tmp_path, 5)
    added = {image_id for image_id, _ in images[:5]}
    content = json.loads(path.read_text())
    subset = tmp_path / "subset.json"
    content["images"] = [image for image in content["images"] if image["id"] in added]
    content["annotations"] = [box for box in content["annotations"] if box["image_id"] in added]
    subset.write_text(json.dumps(content))
    for kind in (COCOAveragePrecision, LVISAveragePrecision):
        whole = figures_of(path, images[:5], kind)
        np.testing.assert_equal(whole, figures_of(subset, images[:5], kind))


def test_images_of_another_set_are_named(tmp_path: Path) -> None:
    path, images = random_images(tmp_path, 5)
    with pytest.raises(UserError, match="the image 4711, which is not in the annotations"):
        figures_of(path, [(4711, images[0][1])])


def run_rank(rank: int, ranks: int, folder: Path, path: Path, images: Images) -> None:
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=ranks
    )
    # The last process has no images, and two processes have the first image.
    own = images[rank :: ranks - 1] if rank < ranks - 1 else []
    added = [*own, *(images[:1] if rank == 1 else [])]
    figures = [figures_of(path, added, kind) for kind in KINDS]
    (folder / f"{rank}.json").write_text(json.dumps(figures))
    metric = COCOAveragePrecision(CocoJson(path, path.parent).truth)
    for image_id, detections in added:
        metric.update([detections], [image_id])
    metric.compute()
    assert metric.image_count == len(images)
    if rank:
        assert metric._collected is None
        with pytest.raises(RuntimeError, match="only the first process"):
            metric.truth_and_detections()
    else:
        truth, _ = metric.truth_and_detections()
        assert len(truth.image_ids) == len(images)
    metric.update([images[0][1]], [4711])
    with pytest.raises(UserError, match="the image 4711, which is not in"):
        metric.compute()
    dist.destroy_process_group()


KINDS: Sequence[Kind] = (COCOAveragePrecision, LVISAveragePrecision)


def test_several_processes_compute_the_figures_of_one(tmp_path: Path) -> None:
    path, images = random_images(tmp_path, 3)
    # Forked from a process that has imported torch, which takes longer than all the rest.
    get_context("forkserver").set_forkserver_preload([__name__])
    start_processes(run_rank, (3, tmp_path, path, images), nprocs=3, start_method="forkserver")
    known = [figures_of(path, images, kind) for kind in KINDS]
    for rank in range(3):
        np.testing.assert_equal(json.loads((tmp_path / f"{rank}.json").read_text()), known)


LIMIT = 2.0
"""Seconds for which an operation of a process group waits."""


class SlowMetric(LVISAveragePrecision):
    """Counts for twice as long."""

    def figures(self, truth: Truth, detections: DetectionsTable) -> dict[str, float]:
        time.sleep(2 * LIMIT)
        return super().figures(truth, detections)


def count_slowly(rank: int, folder: Path, path: Path, images: Images) -> None:
    place, limit = (folder / "place").read_text(), timedelta(seconds=LIMIT)
    dist.init_process_group("gloo", place, rank=rank, world_size=2, timeout=limit)
    figures = figures_of(path, images[rank::2], SlowMetric)
    (folder / f"{rank}.json").write_text(json.dumps(figures))
    dist.destroy_process_group()


def test_others_wait_longer_than_the_limit_of_their_group(tmp_path: Path) -> None:
    path, images = random_images(tmp_path, 3)
    (tmp_path / "place").write_text(f"tcp://127.0.0.1:{find_free_network_port()}")
    get_context("forkserver").set_forkserver_preload([__name__])
    start_processes(count_slowly, (tmp_path, path, images), nprocs=2, start_method="forkserver")
    known = figures_of(path, images, LVISAveragePrecision)
    for rank in range(2):
        np.testing.assert_equal(json.loads((tmp_path / f"{rank}.json").read_text()), known)
