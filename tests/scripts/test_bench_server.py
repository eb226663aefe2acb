"""The server loses no request, and its answers are those of plain calls."""

import re
from pathlib import Path

import pytest

from tests.scripts.test_benches import run


@pytest.mark.slow
def test_the_server_answers_as_plain_calls_do(tiny_finding: Path) -> None:
    options = ["--ckpt", str(tiny_finding), "--requests", "48", "--pictures", "5"]
    printed = run("scripts.bench_server", *options)
    assert float(re.findall(r"ratio +([\d.]+)", printed)[0]) > 0
    assert "lost 0, other answers 0" in printed
