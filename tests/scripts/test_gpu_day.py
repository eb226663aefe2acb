"""The runner of all that needs a GPU, whose parts are tested where there is one."""

import json
from pathlib import Path

from scripts.gpu_day import PARTS, Part, run_all


def test_every_part_is_reported_also_one_that_takes_too_long(tmp_path: Path) -> None:
    parts = [
        Part("good", "-c print('{out}')", 60),
        Part("long", "-m timeit -n 9 -s 1 while(1):1", 1),
    ]
    report = run_all(parts, tmp_path)
    assert report == json.loads((tmp_path / "gpu_day.json").read_text())
    assert [part["exit_code"] for part in report["parts"].values()] == [0, None]
    assert (tmp_path / "good.txt").read_text().strip() == str(tmp_path)


def test_all_parts_together_take_nine_minutes_at_most() -> None:
    assert sum(part.limit for part in PARTS) <= 9 * 60
