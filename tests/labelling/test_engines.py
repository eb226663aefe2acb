"""Whoever labels the shards, the labels are the same, and a worker's death costs nothing."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from glip_pl.labelling.engines import Label, Local
from tests.test_pseudo_label import command, contents, labelled, web

RAY = ["engine=ray", "engine.workers=2", "engine.cpus=0.5"]


def test_one_process_takes_one_shard_after_the_other() -> None:
    made: list[int] = []
    done: list[int] = []

    def make() -> Label:
        made.append(1)
        return done.append

    assert [(shard, list(done)) for shard in Local()(make, [4, 2])] == [(4, [4]), (2, [4, 2])]
    assert made == [1]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As Ray gives its workers: sums of several threads differ in their last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_workers_of_ray_make_the_same_labels(
    world: Path, tmp_path: Path, finding: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # else they starve beside other programs
    words = f"source.shards={web(world, tmp_path / 'web')}/*.tar"
    by_ray = labelled(tmp_path / "ray", finding, words, *RAY)
    assert contents(by_ray) == contents(labelled(tmp_path / "local", finding, words))


def workers(of: int) -> list[int]:
    """Processes of Ray that label, among the descendants of a process."""
    found, parents = [], {of}
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True)
    for line in sorted(listed.stdout.splitlines(), key=lambda line: int(line.split()[0])):
        pid, parent, what = line.split(maxsplit=2)
        if int(parent) in parents:
            parents.add(int(pid))
            if "ray::" in what and "Map" in what:
                found.append(int(pid))
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_worker_that_dies_is_replaced(world: Path, tmp_path: Path, finding: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    source = web(world, tmp_path / "web", per_shard=2, copies=25)
    subprocess.run(command(source, tmp_path / "whole", finding), check=True)
    draw, killed = random.Random(0), 0
    process = subprocess.Popen([*command(source, tmp_path / "cut", finding), *RAY])
    done = 0
    while process.poll() is None:
        before, done = done, len(list((tmp_path / "cut").glob("*.done.json")))
        alive = workers(process.pid)
        if done > before and alive and draw.random() < 0.1:
            os.kill(draw.choice(alive), signal.SIGKILL)
            killed += 1
        time.sleep(0.05)
    assert process.returncode == 0
    assert killed > 1
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", [["engine=local"], RAY], ids=["local", "ray"])
def test_twenty_kills_change_nothing(
    world: Path, tmp_path: Path, finding: Path, engine: list[str]
) -> None:
    if engine is RAY:
        pytest.importorskip("ray", reason="Ray is not installed")
    source = web(world, tmp_path / "web", per_shard=2, copies=25)
    assert len(list(source.iterdir())) == 200
    subprocess.run(command(source, tmp_path / "whole", finding), check=True)
    draw, kills = random.Random(0), 0
    while kills < 20:
        # While it works: nothing is learned from killing imports.
        process = subprocess.Popen(
            [*command(source, tmp_path / "cut", finding), *engine], start_new_session=True
        )
        done = len(list((tmp_path / "cut").glob("*.done.json")))
        while process.poll() is None and len(list((tmp_path / "cut").glob("*.done.json"))) == done:
            time.sleep(0.01)
        time.sleep(draw.random() * 0.8)
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills == 20
    subprocess.run([*command(source, tmp_path / "cut", finding), *engine], check=True)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
