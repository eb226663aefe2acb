"""Claims a folder for one job, so that another job does not add to the files in it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from glip_pl.errors import UserError
from glip_pl.files.reading import read_json
from glip_pl.files.writing import write_json


def claim(
    mark: Path,
    job: Mapping[str, Any],
    remedy: str,
    in_use: Callable[[], bool] = lambda: True,
) -> dict[str, Any]:
    """Claim the folder of the JSON file `mark` for a job; returns the content of the mark.

    The first claim writes `job`. A later one must have equal values for all keys of its `job`, or
    it raises UserError naming the keys that differ and the `remedy`; the mark may hold more keys.
    If the folder is not `in_use`, the older mark is replaced instead. Processes that claim at the
    same time wait for each other.
    """
    job = json.loads(json.dumps(job))  # the form that is read back: no tuples, all keys are strings
    mark.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(mark.with_name(f".{mark.name}.lock")):
        claimed = read_claim(mark) if in_use() else None
        if claimed is None:
            write_json(mark, job)
            return dict(job)
        different = [key for key in job if key not in claimed or claimed[key] != job[key]]
        if different:
            raise UserError(
                f"the folder {mark.parent.resolve()} belongs to another job, which differs in: "
                f"{', '.join(different)}. {remedy}"
            )
        return claimed


@contextmanager
def exclusive(folder: Path, remedy: str) -> Iterator[None]:
    """Hold a folder that only one process may write to, until the block ends.

    The lock is the operating system's: it ends with the process, however that ends. Raises
    UserError with the `remedy` if another process holds the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".writing.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(f"another process is writing to {folder.absolute()}. {remedy}") from error
    try:
        yield
    finally:
        lock.release()


def read_claim(mark: Path) -> dict[str, Any] | None:
    """The content of a mark; None if the file is missing or holds no JSON object."""
    try:
        claimed = read_json(mark)
    except (OSError, ValueError):
        return None
    return claimed if isinstance(claimed, dict) else None
