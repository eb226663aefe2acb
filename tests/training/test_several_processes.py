"""Trainings of two processes, real ones that meet by gloo, and what stops them."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from multiprocessing import active_children
from pathlib import Path
from time import time
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import find_free_network_port

from glip_pl.training.callbacks import process_watch
from glip_pl.training.module import GroundingModule
from tests.conftest import SMALL
from tests.training.commands import Command, Place, SlurmPlace, start
from tests.training.test_kill import COMPARED, unequal

SECONDS = 30
"""How long processes may take to stop."""

STEPS = 6
"""Optimizer steps of the training that nothing stops."""


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def words(world: Path, tiny: list[str]) -> list[str]:
    """A training of six steps with a moving average, dropout and flips."""
    return [
        *[word for word in SMALL if word != "trainer=cpu"],
        *(*tiny, f"data.root={world}", "trainer.max_epochs=1", "data.batch_size=2"),
        *("data.val=null", "data.test=null", "callbacks.best=null", "callbacks.ema.decay=0.9"),
        *("data.train_transform.flip=0.5", "callbacks.parts=null", "callbacks.pictures=null"),
        *("++trainer.accelerator=cpu", "trainer.precision=32-true", "trainer=ddp"),
        *("trainer.devices=2", "resume=auto"),
    ]


@dataclass(frozen=True)
class Struck:
    """One of two processes; some of them get signals in the forward pass of a batch."""

    place: Place | SlurmPlace
    signals: Sequence[signal.Signals] = ()
    batch: int = 1
    step: str = "training_step"
    silence: float = 10  # seconds after which a process is taken for dead

    def __call__(self) -> None:
        """Change the module in this process."""
        self.place()
        process_watch.SILENCE, process_watch.EVERY = self.silence, 0.2
        step, batches = getattr(GroundingModule, self.step), count()

        def struck(*arguments: Any) -> Any:
            if next(batches) == self.batch and self.signals:
                Path("struck.txt").write_text(str(time()))
                for number in self.signals:
                    os.kill(os.getpid(), number)
                    workers = [str(worker.pid) for worker in active_children()]
                    # From elsewhere, as schedulers do: PyTorch knows the signals of the training.
                    subprocess.run(["kill", f"-{number}", *workers], check=bool(workers))
            return step(*arguments)

        setattr(GroundingModule, self.step, struck)  # the process has been forked for this test


def together(
    words: Sequence[str],
    folder: Path,
    *signals: Sequence[signal.Signals],
    step: str = "training_step",
    batch: int = 1,
    restarts: int | None = None,  # of the job of SLURM; None without SLURM
) -> list[int]:
    """Exit codes of two processes, each of which gets its signals in one of its batches."""
    port = find_free_network_port()
    folder.mkdir(exist_ok=True)
    place = Place if restarts is None else partial(SlurmPlace, restarts=restarts)
    processes = [
        start(
            Command(
                "glip_pl.train",
                words if restarts is not None else [*words, f"hydra.run.dir={folder}"],
                folder,
                Struck(place(rank, 2, port), [*signals, (), ()][rank], batch, step),
            )
        )
        for rank in range(2)
    ]
    for process in processes:
        process.join(60)
    struck = folder / "struck.txt"
    if struck.is_file():
        assert time() - float(struck.read_text()) < SECONDS
        struck.unlink()
    return [process.exitcode if process.exitcode is not None else 999 for process in processes]


def last(folder: Path) -> dict[str, Any]:
    return dict(torch.load(folder / "checkpoints/last.ckpt", weights_only=True))


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What differs in any bit between two checkpoints."""
    return [name for key in COMPARED for name in unequal(one[key], other[key], key)]


@pytest.fixture(scope="module")
def whole(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The last checkpoint of the training that nothing stops."""
    folder = tmp_path_factory.mktemp("whole")
    assert together(words, folder) == [0, 0], (folder / "log.txt").read_text()
    checkpoint = last(folder)
    assert checkpoint["global_step"] == STEPS
    return checkpoint


@pytest.mark.parametrize(
    ("number", "ranks"),
    [
        (signal.SIGTERM, [1]),
        (signal.SIGUSR1, [0]),
        (signal.SIGTERM, [0, 1]),
    ],
)
def test_a_signal_to_one_process_stops_all_after_the_same_batch(
    number: signal.Signals,
    ranks: list[int],
    words: list[str],
    whole: dict[str, Any],
    tmp_path: Path,
) -> None:
    signals = [[number] if rank in ranks else [] for rank in range(2)]
    codes = together(words, tmp_path, *signals)
    log = (tmp_path / "log.txt").read_text()
    assert codes == [128 + number] * 2, log
    assert log.count(f"stopped by {number.name}; resume=last continues the run") == 1
    assert last(tmp_path)["global_step"] in (2, 3)
    assert together(words, tmp_path) == [0, 0], (tmp_path / "log.txt").read_text()
    assert differences(whole, last(tmp_path)) == []


def test_a_signal_to_all_processes_of_a_job_loses_nothing(
    words: list[str], whole: dict[str, Any], tmp_path: Path
) -> None:
    """Those that load data get it too, and still load the last batches."""
    words = [word for word in words if word != "data.workers=0"] + ["data.workers=1"]
    codes = together(words, tmp_path, [signal.SIGTERM], [signal.SIGTERM])
    assert codes == [128 + signal.SIGTERM] * 2, (tmp_path / "log.txt").read_text()
    assert last(tmp_path)["global_step"] in (2, 3)
    assert together(words, tmp_path) == [0, 0], (tmp_path / "log.txt").read_text()
    assert differences(whole, last(tmp_path)) == []


def test_a_signal_in_a_validation_stops_all_and_a_resumed_run_repeats_it(
    words: list[str], world: Path, tmp_path: Path
) -> None:
    """Each has one batch: the one that gets no signal may wait for the other's detections."""
    validated = [word for word in words if word != "data.val=null"]
    codes = together(validated, tmp_path, [], [signal.SIGTERM], step="validation_step", batch=0)
    log = (tmp_path / "log.txt").read_text()
    assert codes == [128 + signal.SIGTERM] * 2, log
    assert "val/AP" not in "".join(file.read_text() for file in tmp_path.rglob("metrics.csv"))
    assert last(tmp_path)["global_step"] == STEPS
    assert together(validated, tmp_path) == [0, 0], (tmp_path / "log.txt").read_text()
    assert "val/AP" in "".join(file.read_text() for file in tmp_path.rglob("metrics.csv"))


@pytest.mark.parametrize("rank", [0, 1])
def test_the_others_end_when_a_process_is_killed(
    rank: int, words: list[str], whole: dict[str, Any], tmp_path: Path
) -> None:
    """The first process holds the store, which ends with it."""
    signals = [[signal.SIGKILL] if number == rank else [] for number in range(2)]
    codes = together(words, tmp_path, *signals)
    log = (tmp_path / "log.txt").read_text()
    assert codes[rank] == -signal.SIGKILL
    assert codes[1 - rank] == 1, log
    assert log.count("error: ") == log.count(f"error: process {rank} of 2 (counted from 0)") == 1
    assert "Traceback" not in log
    assert together(words, tmp_path) == [0, 0], (tmp_path / "log.txt").read_text()
    assert differences(whole, last(tmp_path)) == []


def test_a_job_that_slurm_queues_again_continues_in_its_folder(
    words: list[str], whole: dict[str, Any], tmp_path: Path
) -> None:
    """The environment is that of srun; the processes are real and meet by gloo."""
    job = [word for word in words if word != "trainer.devices=2" and word != "trainer=ddp"]
    job += ["trainer=slurm", f"paths.runs={tmp_path}", "logger=wandb", "logger.wandb.offline=true"]
    codes = together(job, tmp_path, [signal.SIGUSR1], [signal.SIGUSR1], restarts=0)
    log = (tmp_path / "log.txt").read_text()
    assert codes == [128 + signal.SIGUSR1] * 2, log
    (folder,) = tmp_path.glob("*/*/checkpoints")
    assert folder.parent == tmp_path / "shapes_pretrain" / "job_123"
    assert last(folder.parent)["global_step"] < STEPS
    assert together(job, tmp_path, restarts=1) == [0, 0], (tmp_path / "log.txt").read_text()
    assert list(tmp_path.glob("*/*/checkpoints")) == [folder]
    logged = [path.name.rpartition("-")[2] for path in folder.parent.glob("wandb/offline-run-*")]
    assert len(logged) == 2  # of the first process, before and after, with one name
    assert len(set(logged)) == 1
    assert differences(whole, last(folder.parent)) == []


def test_processes_with_different_folders_are_told_so(words: list[str], tmp_path: Path) -> None:
    port = find_free_network_port()
    processes = [
        start(
            Command(
                "glip_pl.train",
                [*words, f"hydra.run.dir={tmp_path}/{rank}"],
                tmp_path,
                Struck(Place(rank, 2, port)),
            )
        )
        for rank in range(2)
    ]
    for process in processes:
        process.join(60)
    log = (tmp_path / "log.txt").read_text()
    assert [process.exitcode for process in processes] == [1, 2], log
    assert log.count("error: ") == 1
    assert f"hydra.run.dir is {tmp_path}/1 in process 1, and {tmp_path}/0 in the first one" in log


class KilledOnce(pl.Callback):
    """Kills the second process in its third batch, unless torchrun has started it again."""

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        again = os.environ["TORCHELASTIC_RESTART_COUNT"] != "0"
        if not again and trainer.global_rank == 1 and batch_idx == 2:
            os.kill(os.getpid(), signal.SIGKILL)


def test_processes_that_torchrun_starts_again_continue(
    words: list[str], whole: dict[str, Any], tmp_path: Path
) -> None:
    elastic = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=1"]
    more = [f"paths.runs={tmp_path}", "callbacks.last.every_steps=2"]
    more.append(f"+callbacks.killed._target_={KilledOnce.__module__}.KilledOnce")
    command = [sys.executable, *elastic, "--rdzv-id=one", "-m", "glip_pl.train", *words, *more]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "resuming from" in done.stdout + done.stderr
    (folder,) = tmp_path.glob("*/torchrun_*")
    assert differences(whole, last(folder)) == []
