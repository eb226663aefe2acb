import json
import math
from pathlib import Path

import pytest

from glip_pl.report import show_results


def test_numbers_go_to_people_and_to_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"AP": 0.123456, "AP50": 0.5, "AP75": math.nan, "AR": 1.0, "AP/cat": 0.25}
    show_results({"coco": values}, "test", tmp_path / "deep" / "results.json")
    said = capsys.readouterr().out
    assert "12.3" in said
    assert "50.0" in said
    written = json.loads((tmp_path / "deep" / "results.json").read_text())
    assert written["coco"]["AP/cat"] == 0.25
    assert written["coco"]["AP75"] is None
