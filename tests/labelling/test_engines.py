"""All engines write the same labels, whatever is killed meanwhile."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from glip_pl.files.writing import PARTIAL
from glip_pl.labelling.engines import Label, Local
from tests.labelling.small_jobs import command, labelled, results, web

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
    """One thread, as Ray gives its workers: sums over more threads differ in the last digits."""
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
    source = f"source.shards={web(world, tmp_path / 'web')}/*.tar"
    by_ray = labelled(tmp_path / "ray", finding, source, *RAY)
    assert results(by_ray) == results(labelled(tmp_path / "local", finding, source))


def workers(ancestor: int) -> list[int]:
    """Ids of Ray's labelling processes among the descendants of a process."""
    worker_ids, ancestors = [], {ancestor}
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True)
    for line in sorted(listed.stdout.splitlines(), key=lambda line: int(line.split()[0])):
        pid, parent, arguments = line.split(maxsplit=2)
        if int(parent) in ancestors:
            ancestors.add(int(pid))
            if "ray::" in arguments and "Map" in arguments:
                worker_ids.append(int(pid))
    return worker_ids


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
    assert results(tmp_path / "cut") == results(tmp_path / "whole")


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
        # Kill it while it labels: a kill during the imports would test nothing.
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
    assert not list((tmp_path / "cut").glob(f".0*{PARTIAL}"))
    assert results(tmp_path / "cut") == results(tmp_path / "whole")
