"""The kernels compile for the GPUs that train the released models, without one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPILING = Path(__file__).with_name("compiling.py")

SHARED_MEMORY = {80: 163 * 1024, 90: 227 * 1024}
"""Bytes that a program can have, on A100 and H100."""


@pytest.mark.slow
@pytest.mark.parametrize("capability", SHARED_MEMORY)
def test_all_kernels_compile_and_fit_shared_memory(capability: int) -> None:
    command = [sys.executable, "-m", "tests.models.kernels.compiling", str(capability)]
    done = subprocess.run(
        command, env=os.environ | {"TRITON_INTERPRET": "0"}, cwd=COMPILING.parents[3],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sizes = dict(line.split() for line in done.stdout.splitlines())
    assert len(sizes) == 10
    assert all(int(size) <= SHARED_MEMORY[capability] for size in sizes.values()), sizes
