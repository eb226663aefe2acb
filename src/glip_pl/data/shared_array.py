"""Long arrays of a run, which one process of a machine computes and all others map."""

import atexit
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from glip_pl.files.hashing import key_of
from glip_pl.files.leftovers import remove_leftovers
from glip_pl.files.writing import write_whole

LONG = 1_000_000
"""Length from which an array is shared; shorter ones take a few megabytes at most."""

Number = TypeVar("Number", np.int32, np.int64)


def shared_array(
    key: object, version: int, length: int, make: Callable[[], NDArray[Number]]
) -> NDArray[Number]:
    """What `make` returns for a `key` and a version, such as an epoch, in memory that is shared.

    The file lies in the folder for temporary files of this machine. It is removed when a process
    asks for another version or ends; processes that have mapped it keep it. Where it cannot be
    written, each process has its own array.
    """
    if length < LONG:
        return make()
    name = key_of({"run": repr(key)})
    try:
        folder = _own_folder()
        path = folder / f"{name}-{version}.npy"
        with FileLock(folder / f"{name}.lock"):
            _provide(path, name, make)
            array: NDArray[Number] = np.load(path, mmap_mode="r")
    except OSError:
        return make()
    atexit.register(path.unlink, missing_ok=True)
    return array


def _provide(path: Path, name: str, make: Callable[[], NDArray[Number]]) -> None:
    """Write the array unless another process has done so, and remove those of other versions."""
    for other in path.parent.glob(f"{name}-*.npy"):
        if other != path:
            other.unlink(missing_ok=True)
    if path.is_file():
        return
    remove_leftovers(path)
    with write_whole(path) as partial, partial.open("wb") as file:
        np.save(file, make())


def _own_folder() -> Path:
    """A folder of this user alone. Raises PermissionError if another user has made it."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir(), f"glip_pl-{user}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and folder.stat().st_uid != user:
        raise PermissionError(f"{folder} belongs to another user")
    return folder
