"""Arrays in a file that the processes of a machine map."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from glip_pl.data import shared_array as module
from glip_pl.data.shared_array import shared_array

ORDER = np.arange(10, dtype=np.int32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(module, "LONG", 10)
    return tmp_path


def failing() -> NDArray[np.int32]:
    raise AssertionError("it is computed again")


def test_one_process_computes_and_others_map(folder: Path) -> None:
    first = shared_array("run", 0, 10, lambda: ORDER)
    other = shared_array("run", 0, 10, failing)
    assert first.tolist() == other.tolist() == ORDER.tolist()
    assert isinstance(other, np.memmap)


def test_the_next_epoch_removes_the_last_one(folder: Path) -> None:
    first = shared_array("run", 0, 10, lambda: ORDER)
    second = shared_array("run", 1, 10, lambda: ORDER + 1)
    assert len(list(folder.rglob("*.npy"))) == 1
    assert first.tolist() == ORDER.tolist()  # who has mapped it keeps it
    assert second.tolist() == (ORDER + 1).tolist()


def test_short_orders_are_not_shared(folder: Path) -> None:
    assert shared_array("run", 0, 9, lambda: ORDER) is ORDER
    assert not list(folder.iterdir())


def test_without_a_folder_every_process_has_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder / "missing"))
    assert shared_array("run", 0, 10, lambda: ORDER) is ORDER
