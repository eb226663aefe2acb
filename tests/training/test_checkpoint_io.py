"""Checkpoints appear whole, whatever happens while they are written, and never run code."""

import os
import pickle
import signal
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.errors import UserError
from glip_pl.training.checkpoint_io import BEFORE_LAST, LAST, WholeCheckpointIO

IO = WholeCheckpointIO()


class KillsWhenPickled:
    """Ends the process in the middle of a save."""

    def __deepcopy__(self, known: dict[int, Any]) -> "KillsWhenPickled":
        return self

    def __reduce__(self) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


def save(content: dict[str, Any], path: Path) -> None:
    IO.save_checkpoint(content, path)
    IO.wait()


def test_a_kill_leaves_the_previous_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    save({"a": torch.zeros(10)}, path)
    child = os.fork()
    if child == 0:
        save({"a": torch.ones(10**6), "b": KillsWhenPickled()}, path)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(list(tmp_path.glob(".last.ckpt.*.partial"))) == 1
    assert torch.equal(IO.load_checkpoint(path)["a"], torch.zeros(10))


def test_nothing_goes_through_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/nowhere")
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    save({"a": torch.ones(2)}, tmp_path / "deep" / "last.ckpt")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["last.ckpt"]


def test_the_last_two_are_kept_and_one_of_the_best(tmp_path: Path) -> None:
    for step in range(3):
        save({"step": step}, tmp_path / LAST)
        save({"step": step}, tmp_path / "best.ckpt")
    steps = {path.name: IO.load_checkpoint(path)["step"] for path in tmp_path.iterdir()}
    assert steps == {LAST: 2, BEFORE_LAST: 1, "best.ckpt": 2}


class Slow:
    """Waits when it is pickled, as a large file does when it is written."""

    def __init__(self, begin: threading.Event) -> None:
        self.begin = begin

    def __deepcopy__(self, known: dict[int, Any]) -> "Slow":
        return self

    def __reduce__(self) -> Any:
        assert self.begin.wait(10)
        return OrderedDict, ()


def test_training_goes_on_while_a_copy_is_written(tmp_path: Path) -> None:
    weights, counters, begin = torch.zeros(3), {"steps": [1]}, threading.Event()
    content = {"one": weights, "same": weights[:], "loops": counters, "slow": Slow(begin)}
    IO.save_checkpoint(content, tmp_path / LAST)
    weights += 1  # as an optimizer changes them
    counters["steps"].append(2)
    assert not (tmp_path / LAST).exists()
    begin.set()
    IO.teardown()
    found = torch.load(tmp_path / LAST, weights_only=True)
    assert torch.equal(found["one"], torch.zeros(3))
    assert found["loops"] == {"steps": [1]}
    assert found["one"].data_ptr() == found["same"].data_ptr()  # written once


def test_the_next_save_waits_for_the_one_before(tmp_path: Path) -> None:
    begin = threading.Event()
    IO.save_checkpoint({"slow": Slow(begin), "step": 0}, tmp_path / LAST)
    threading.Timer(0.1, begin.set).start()
    IO.save_checkpoint({"step": 1}, tmp_path / LAST)
    assert IO.load_checkpoint(tmp_path / LAST)["step"] == 1
    assert IO.load_checkpoint(tmp_path / BEFORE_LAST)["step"] == 0


def test_a_checkpoint_that_cannot_be_written_is_reported_by_what_waits_for_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "best.ckpt").mkdir()  # a folder cannot be replaced by a file
    waiting: list[Callable[[], object]] = [
        IO.teardown,
        lambda: IO.save_checkpoint({"a": 1}, tmp_path / "last.ckpt"),
        lambda: IO.load_checkpoint(tmp_path / "last.ckpt"),
        lambda: IO.remove_checkpoint(tmp_path / "last.ckpt"),
    ]
    for wait in waiting:
        IO.save_checkpoint({"a": 1}, tmp_path / "best.ckpt")
        with pytest.raises(UserError, match=r"cannot write the checkpoint .*best\.ckpt"):
            wait()
        IO.teardown()  # it is told once


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AttributeError, match="local object"):
        save({"a": lambda: None}, tmp_path / "last.ckpt")
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
