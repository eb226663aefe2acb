"""Evaluations and labelling jobs that are killed at any moment end as uninterrupted ones."""

import json
import os
import signal
from pathlib import Path
from random import Random

import pytest

from tests.labelling.small_jobs import job_settings, results, web
from tests.training.commands import Command, SavesOften, run

KILLS = int(os.environ.get("GLIP_KILLS", 6)) // 6
"""How many evaluations, and how many labelling jobs, are killed: ten of each for 60."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        not Path("/proc/self/stat").exists(), reason="reads the CPU time of processes from /proc"
    ),
]


def figures(folder: Path) -> tuple[object, list[bytes]]:
    """The figures and the detections of an evaluation."""
    content = json.loads((folder / "results.json").read_text())
    return content["sets"], [path.read_bytes() for path in sorted(folder.glob("detections_*.json"))]


def test_killed_evaluations_end_with_the_same_figures(
    world: Path, finding: Path, tmp_path: Path
) -> None:
    words = [f"ckpt={finding}", f"data.root={world}", "data.prepare=null", "data.workers=0"]
    words += ["data.batch_size=1", "callbacks.pictures=null", "+trainer.enable_progress_bar=false"]
    words += ["callbacks.progress=null", "trainer.precision=32-true", "trainer.accelerator=cpu"]

    def evaluation(name: str) -> Command:
        place = [f"hydra.run.dir={tmp_path}/{name}", f"paths.runs={tmp_path}/{name}/runs"]
        (tmp_path / name).mkdir(exist_ok=True)
        return Command("glip_pl.evaluate", [*words, *place], tmp_path / name, SavesOften())

    whole = run(evaluation("whole"))
    assert whole.code == 0
    expected = figures(tmp_path / "whole")
    continued = 0
    for number in range(KILLS):
        moment = Random(number).uniform(0.3, 1) * whole.cpu
        run(evaluation(str(number)), [signal.SIGKILL], moment)
        continued += any((tmp_path / str(number)).rglob("*.safetensors"))
        assert run(evaluation(str(number))).code == 0
        assert figures(tmp_path / str(number)) == expected
        left = list((tmp_path / str(number) / "runs" / "unfinished").glob("*"))
        assert left == []
    print(f"{KILLS} evaluations were killed, {continued} of them had saved detections")


def test_killed_labelling_jobs_end_with_the_same_labels(
    world: Path, finding: Path, tmp_path: Path
) -> None:
    source = f"source.shards={web(world, tmp_path / 'web')}/*.tar"

    def job(name: str) -> Command:
        (tmp_path / name).mkdir(exist_ok=True)
        words = job_settings(tmp_path / name / "labels", finding, source)
        return Command("glip_pl.pseudo_label", words, tmp_path / name)

    whole = run(job("whole"))
    assert whole.code == 0
    expected = results(tmp_path / "whole/labels")
    continued = 0
    for number in range(KILLS):
        run(job(str(number)), [signal.SIGKILL], Random(number).uniform(0.3, 1) * whole.cpu)
        labels = tmp_path / str(number) / "labels"
        continued += any(labels.glob("*.done.json"))
        assert run(job(str(number))).code == 0
        assert results(labels) == expected
        assert list(labels.glob(".*.partial")) == []
    print(f"{KILLS} labelling jobs were killed, {continued} of them had complete shards")
