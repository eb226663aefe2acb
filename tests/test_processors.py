"""The threads of a command are settled before PyTorch is imported, and only as far as needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from glip_pl import processors
from glip_pl.processors import quota_of_cores, settle_threads

MEMORY = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")

NAMES = ("OMP_WAIT_POLICY", "OMP_NUM_THREADS", "GOMP_SPINCOUNT", *MEMORY)


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without settings of threads, which is as before after the test."""
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that it is restored
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("unset")
def test_waiting_threads_spin_shortly_and_the_number_is_left_to_openmp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processors, "quota_of_cores", lambda: None)
    settle_threads()
    assert os.environ["GOMP_SPINCOUNT"] == "3000" and "OMP_NUM_THREADS" not in os.environ


@pytest.mark.usefixtures("unset")
def test_a_quota_below_the_cores_limits_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "quota_of_cores", lambda: 2.5)
    for cores, threads in ((2, None), (16, "3")):
        monkeypatch.setattr(processors, "cores", lambda cores=cores: cores)
        settle_threads()
        assert os.environ.get("OMP_NUM_THREADS") == threads


def test_the_users_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "quota_of_cores", lambda: 0.5)
    for name in NAMES:
        monkeypatch.setenv(name, "mine")
    settle_threads()
    assert [os.environ[name] for name in NAMES] == ["mine"] * len(NAMES)


@pytest.mark.usefixtures("unset")
def test_a_policy_of_the_user_is_not_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    settle_threads()
    assert "GOMP_SPINCOUNT" not in os.environ


@pytest.mark.parametrize(
    ("group", "files", "quota"),
    [
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "200000 100000"}, 0.5),
        ("4:cpu,cpuacct:/", {"cpu,cpuacct/cpu.cfs_quota_us": "300000",
                             "cpu,cpuacct/cpu.cfs_period_us": "100000"}, 3.0),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("5:memory:/", {"memory/cpu.max": "1 1"}, None),
        ("0::/../../x", {"x/cpu.max": "broken"}, None),
    ],
)  # fmt: skip
def test_quotas_of_containers_are_read(
    group: str, files: dict[str, str], quota: float | None, tmp_path: Path
) -> None:
    membership = tmp_path / "membership"
    membership.write_text(f"{group}\n")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{content}\n")
    assert quota_of_cores(tmp_path, membership) == quota
    assert quota_of_cores(tmp_path, tmp_path / "none") is None


@pytest.mark.usefixtures("unset")
def test_only_commands_settle_the_threads() -> None:
    code = "import os, glip_pl; print(os.environ.get('GOMP_SPINCOUNT'))"
    started = [sys.executable, "-c", code]
    assert subprocess.run(started, capture_output=True, text=True, check=True).stdout == "None\n"
    script = (
        "import runpy, sys; sys.orig_argv = ['python', '-m', 'glip_pl.fetch']; import glip_pl, os; "
        "print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    )
    started = [sys.executable, "-c", script]
    done = subprocess.run(started, capture_output=True, text=True, check=True)
    assert done.stdout == "3000 False\n"


@pytest.mark.usefixtures("unset")
@pytest.mark.skipif(sys.platform != "linux", reason="PyTorch has it on Linux only")
def test_memory_of_gpus_grows_in_segments_unless_the_user_chose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in MEMORY:
        monkeypatch.setenv(name, "backend:native")
        settle_threads()
        assert [os.environ.get(one) for one in MEMORY].count(None) == 1
        monkeypatch.delenv(name)
    settle_threads()
    assert [os.environ.get(name) for name in MEMORY] == ["expandable_segments:True", None]
