"""Commands in processes that are forked ready to start, and what is done to them while they run."""

import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.inference import evaluation_cache
from glip_pl.training.checkpoint_io import BEFORE_LAST

PRELOADED = ("glip_pl.train", "glip_pl.evaluate", "glip_pl.pseudo_label", __name__)
"""Modules that the process from which the others are forked has imported."""

LOG = "log.txt"
"""File in the folder of a command with all that it says."""

POLLING = 0.005
"""Seconds between two looks at a running command."""


def nothing() -> None:
    """The change of a command that runs as it is."""


@dataclass(frozen=True)
class Command:
    """A command on the command line, in the folder in which it is started."""

    module: str  # that has its `main`
    words: Sequence[str]
    folder: Path
    change: Callable[[], object] = nothing  # called in its process before it starts

    def __call__(self) -> None:
        """Run it in this process, which was forked for it, in a process group of its own."""
        os.setsid()
        os.chdir(self.folder)
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.fsync = lambda fd: None  # no test cuts the power
        signal.signal(signal.SIGINT, signal.default_int_handler)  # shells switch it off behind "&"
        multiprocessing.set_start_method("fork", force=True)  # of the loader's workers
        torch.set_num_threads(1)  # also makes sums equal to the last bit
        sys.argv = ["command", *self.words]
        self.change()
        importlib.import_module(self.module).main()


@dataclass(frozen=True)
class End:
    """How a command ended."""

    code: int  # the exit code; minus the signal if one killed the process
    cpu: float  # seconds, without those of its own processes
    struck: bool  # whether it was still running when the signals came


def start(command: Command) -> BaseProcess:
    """Start a command; the first one of a session starts the process from which all are forked."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    process = context.Process(target=command)
    process.start()
    return process


def run(command: Command, signals: Sequence[signal.Signals] = (), moment: float = 0) -> End:
    """Run a command; after `moment` seconds of CPU time its process group gets the signals.

    CPU time, because the clock depends on what else the machine does. A tenth of a second passes
    between two signals.
    """
    process = start(command)
    used, struck = 0.0, False
    while process.is_alive():
        used = max(used, _cpu_seconds(process))
        if signals and not struck and used >= moment:
            struck = _send(process, signals)
        process.join(POLLING)
    assert process.exitcode is not None
    return End(process.exitcode, used, struck)


def _send(process: BaseProcess, signals: Sequence[signal.Signals]) -> bool:
    """Send signals to a process and its own processes; whether the first one was delivered."""
    assert process.pid is not None
    for number, one in enumerate(signals):
        try:
            time.sleep(0.1 if number else 0)
            os.killpg(process.pid, one)
        except ProcessLookupError:  # it has ended, or has not made its group yet
            return number > 0
    return True


def _cpu_seconds(process: BaseProcess) -> float:
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has just ended
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class KilledInSave:
    """Kills the process with its group while it saves a file for the `nth` time."""

    nth: int
    where: str  # "half written", "before it replaces", "after it has replaced"

    def __call__(self) -> None:
        """Change how this process replaces files by new ones."""
        replace, saves = Path.replace, [0]

        def kill_in(path: Path, target: str | os.PathLike[str]) -> Path:
            if Path(target).suffix != ".ckpt" or Path(target).name == BEFORE_LAST:
                return replace(path, target)
            saves[0] += 1
            if saves[0] == self.nth:
                if self.where == "half written":
                    os.truncate(path, path.stat().st_size // 2)
                elif self.where == "after it has replaced":
                    replace(path, target)
                os.killpg(0, signal.SIGKILL)
            return replace(path, target)

        # The process is killed inside the library's own call, which mypy does not let us replace.
        Path.replace = kill_in  # type: ignore[method-assign, assignment]


@dataclass(frozen=True)
class Place:
    """Makes a command one of several processes of a training, as launchers such as torchrun do."""

    rank: int
    count: int
    port: int

    def __call__(self) -> None:
        """Set the environment of this process."""
        place = {"LOCAL_RANK": self.rank, "WORLD_SIZE": self.count, "MASTER_PORT": self.port}
        os.environ.update({name: str(value) for name, value in place.items()})
        os.environ.update(MASTER_ADDR="127.0.0.1", NODE_RANK="0")
        # An import has read it from the environment; its type does not declare it.
        rank_zero_only.rank = self.rank  # type: ignore[attr-defined]


@dataclass(frozen=True)
class SlurmPlace:
    """Makes a command one of several processes of a job, as SLURM's srun does."""

    rank: int
    count: int
    port: int
    restarts: int = 0  # how often the job has been queued again

    def __call__(self) -> None:
        """Set the environment of this process."""
        place = {"PROCID": self.rank, "LOCALID": self.rank, "NODEID": 0, "NNODES": 1}
        place |= {"NTASKS": self.count, "NTASKS_PER_NODE": self.count, "JOB_ID": 123, "STEP_ID": 0}
        if self.restarts:
            place["RESTART_COUNT"] = self.restarts
        os.environ.update({f"SLURM_{name}": str(value) for name, value in place.items()})
        os.environ.update(SLURM_NODELIST="127.0.0.1", MASTER_PORT=str(self.port))
        # An import has read it from the environment; its type does not declare it.
        rank_zero_only.rank = self.rank  # type: ignore[attr-defined]


@dataclass(frozen=True)
class SavesOften:
    """Lets an evaluation save its detections after every batch."""

    def __call__(self) -> None:
        """Change the interval in this process."""
        evaluation_cache.SAVE_INTERVAL = 0
