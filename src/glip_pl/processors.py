"""How many processor cores this process may use, how its threads wait, how GPUs keep memory.

It is read before PyTorch, which looks at the environment when it is loaded.
"""

import math
import os
import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows the limits of containers and services."""

MEMBERSHIP = Path("/proc/self/cgroup")
"""Where Linux shows the groups of this process."""

DEFAULTS = {"GOMP_SPINCOUNT": "3000"}
"""Threads that wait spin for a hundredth of OpenMP's time, and then sleep: those that spin take
the cores from other processes. Sleeping at once costs a third of the speed (docs/results.md)."""

POLICY = "OMP_WAIT_POLICY"
"""The user's own choice of how threads wait, which a spin count would override."""

MEMORY = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
"""Variables by which a user chooses how PyTorch keeps the memory of GPUs; the second is older."""


def settle_threads() -> None:
    """Set thread number, wait policy and memory by variables of the environment not set yet.

    Batches differ in size: segments that grow can be used for the next size, too (Linux only).
    """
    if sys.platform == "linux" and not any(name in os.environ for name in MEMORY):
        os.environ[MEMORY[0]] = "expandable_segments:True"
    if POLICY not in os.environ:
        for name, value in DEFAULTS.items():
            os.environ.setdefault(name, value)
    quota = quota_of_cores()
    if quota is not None and quota < cores():
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, math.ceil(quota))))


def cores() -> int:
    """Cores on which this process may run."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota_of_cores(root: Path = CGROUPS, membership: Path = MEMBERSHIP) -> float | None:
    """Cores' worth of time that the container or service may use; None if it is not limited."""
    try:
        groups = membership.read_text().splitlines()
    except OSError:  # no Linux
        return None
    quotas = [
        quota
        for line in groups
        for folder in _folders(root, line)
        for quota in (_second_version(folder), _first_version(folder))
        if quota is not None
    ]
    return min(quotas, default=None)


def _folders(root: Path, line: str) -> list[Path]:
    """The folders of a group and of those that hold it; a line is "number:controllers:/path"."""
    _, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    if controllers and "cpu" not in controllers.split(","):
        return []
    base = root / controllers if controllers else root
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return [base.joinpath(*parts[:count]) for count in range(len(parts) + 1)]


def _second_version(folder: Path) -> float | None:
    """The limit of a cgroup of version 2: "200000 100000", or "max 100000"."""
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    return _share(quota, period)


def _first_version(folder: Path) -> float | None:
    """The limit of a cgroup of version 1; -1 stands for none."""
    return _share(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _share(quota: str, period: str) -> float | None:
    if not quota.isdecimal() or not period.isdecimal() or not int(period):
        return None
    return int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
