"""A job labels only what is missing, and its settings travel to workers."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from glip_pl.errors import UserError
from glip_pl.files.writing import partial_path
from glip_pl.labelling.engines import Local
from glip_pl.labelling.labeller import Labeller
from tests.labelling.small_jobs import labelled, results, small_job, web


def test_an_interrupted_job_does_only_what_is_missing(
    world: Path, tmp_path: Path, tiny_finding: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"source.shards={web(world, tmp_path / 'web')}/*.tar"
    whole = results(labelled(tmp_path / "whole", tiny_finding, source))
    calls: list[int] = []
    label = Labeller.shard
    half_written = partial_path(tmp_path / "out" / "00002.tar")

    def interrupted(self: Labeller, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            half_written.write_bytes(b"half of a shard")
            raise KeyboardInterrupt
        return label(self, *arguments)

    monkeypatch.setattr(Labeller, "shard", interrupted)
    with pytest.raises(KeyboardInterrupt):
        labelled(tmp_path / "out", tiny_finding, source)
    complete = [tmp_path / "out" / name for name in ("00000.tar", "00001.tar")]
    before = [path.stat().st_mtime_ns for path in complete]
    labelled(tmp_path / "out", tiny_finding, source)
    assert len(calls) == 3 + 2
    assert results(tmp_path / "out") == whole
    assert [path.stat().st_mtime_ns for path in complete] == before
    assert not half_written.exists()


def test_a_shard_of_another_process_is_left_to_it(
    world: Path, tmp_path: Path, tiny_finding: Path
) -> None:
    source = f"source.shards={web(world, tmp_path / 'web', 16)}/*.tar"
    job = small_job(tmp_path / "out", tiny_finding, source)
    job.output.mkdir()
    with FileLock(f"{job.shards[0]}.lock", thread_local=False):
        job.worker(wait=False)(0)
        assert not job.shards[0].exists()
    job.label_missing_shards(Local())
    assert job.shards[0].is_file()


def test_a_worker_gets_the_settings_and_opens_the_files_itself(
    world: Path, tmp_path: Path, tiny_finding: Path
) -> None:
    source = f"source.shards={web(world, tmp_path / 'web')}/*.tar"
    job = small_job(tmp_path / "out", tiny_finding, source)
    assert [len(rows) for rows in job.rows] == [4, 4, 4, 4]
    copy = pickle.loads(pickle.dumps(job))
    assert copy == job
    assert "index" in vars(job) and "index" not in vars(copy)
    assert copy.shards == job.shards


def test_the_identity_does_not_depend_on_where_the_source_lies(
    world: Path, tmp_path: Path, tiny_finding: Path
) -> None:
    sources = [web(world, tmp_path / name) for name in ("here", "there")]
    here, there = (
        small_job(tmp_path / "out", tiny_finding, f"source.shards={source}/*.tar").identity()
        for source in sources
    )
    assert here["records"] == 16 and here["shards"] == 4
    assert here == there
    mirrored = small_job(
        tmp_path / "out", tiny_finding, f"source.shards={sources[0]}/*.tar", "mirror=true"
    )
    assert mirrored.identity() == {**here, "mirror": True}


def test_boxes_of_categories_are_no_source(world: Path, tmp_path: Path, tiny_finding: Path) -> None:
    job = small_job(tmp_path / "out", tiny_finding, "source.shards=unused")
    coco = {
        "_target_": "glip_pl.data.formats.coco.CocoJson",
        "annotations": str(world / "annotations/seen.json"),
        "images": str(world / "images/seen"),
    }
    job.source.clear()
    job.source.update(coco)
    with pytest.raises(UserError, match="has no captions to label"):
        _ = job.index
