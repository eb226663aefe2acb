"""Checkpoints appear whole, whatever happens while they are written, and never run code."""

import os
import pickle
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.errors import UserError
from glip_pl.training.checkpoint_io import WholeCheckpointIO
from glip_pl.training.interruption import WORKER_ENDED

IO = WholeCheckpointIO()


class KillsWhenPickled:
    """Ends the process in the middle of a save."""

    def __reduce__(self) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_kill_leaves_the_previous_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    IO.save_checkpoint({"a": torch.zeros(10)}, path)
    child = os.fork()
    if child == 0:
        IO.save_checkpoint({"a": torch.ones(10**6), "b": KillsWhenPickled()}, path)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert torch.equal(IO.load_checkpoint(path)["a"], torch.zeros(10))


def test_nothing_goes_through_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/nowhere")
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    IO.save_checkpoint({"a": torch.ones(2)}, tmp_path / "deep" / "last.ckpt")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["last.ckpt"]


def test_a_checkpoint_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "best.ckpt").mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(UserError, match=r"cannot write the checkpoint .*best\.ckpt"):
        IO.save_checkpoint({"a": 1}, tmp_path / "best.ckpt")


def test_a_worker_that_ends_during_a_save_is_no_fault_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch raises this error in the main process, whatever that does at the moment."""

    def interrupted(*_: object) -> None:
        raise RuntimeError(f"{WORKER_ENDED} (pid 1) is killed by signal: Terminated.")

    monkeypatch.setattr("torch.save", interrupted)
    with pytest.raises(RuntimeError, match="is killed by signal"):
        IO.save_checkpoint({"a": 1}, tmp_path / "last.ckpt")
    assert list(tmp_path.iterdir()) == []


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_no_environment_variable_lets_a_checkpoint_run_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"state_dict": Runs(tmp_path / "ran")}, tmp_path / "last.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Runs(tmp_path / "ran")))
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    for name in ("last.ckpt", "plain.ckpt"):
        with pytest.raises(UserError, match=f"{name} is no readable checkpoint"):
            IO.load_checkpoint(tmp_path / name)
    assert not (tmp_path / "ran").exists()
