import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from glip_pl.files.hashing import sha256_of
from glip_pl.running.results import SetReport, score_of, show, write_results

REPORT = SetReport(
    name="coco",
    figures={"AP": 0.123456, "AP50": 0.5, "AP75": math.nan, "AP/cat": 0.25},
    columns=("AP", "AP50", "AP75"),
    protocol="COCO AP",
    images=7,
    published={"GLIP-T (C)": {"AP": 46.7}},
)


def test_people_see_our_figures_above_the_published_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show([REPORT], "a checkpoint")
    said = capsys.readouterr().out
    assert said.index("12.3") < said.index("46.7")
    assert "50.0" in said
    assert "GLIP-T (C)" in said


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    report = replace(REPORT, name="[/]", published={"[/x]": {"AP": 46.7}}, columns=("[/]",))
    show([report], "[/] of a checkpoint")
    said = capsys.readouterr().out
    assert said.startswith("[/] of a checkpoint")
    assert said.count("[/]") == 3 and "[/x]" in said


def test_programs_read_what_the_figures_are_of(tmp_path: Path) -> None:
    weights = tmp_path / "weights.ckpt"
    weights.write_bytes(b"weights")
    path = tmp_path / "deep" / "results.json"
    write_results([REPORT], 0.123456, weights, path, "abc")
    written = json.loads(path.read_text())
    assert written["sets"]["coco"]["figures"]["AP/cat"] == 0.25
    assert written["sets"]["coco"]["figures"]["AP75"] is None
    assert written["sets"]["coco"]["images"] == 7
    assert written["checkpoint"]["sha256"] == sha256_of(weights)
    assert written["versions"]["torch"]
    assert score_of(path, "abc") == 0.123456
    assert score_of(path, "of other weights") is None
    assert score_of(tmp_path / "absent.json", "abc") is None
    for damaged in ("[" * 100_000, "[]", '{"key": "abc", "score": ' + "9" * 400 + "}"):
        path.write_text(damaged)
        assert score_of(path, "abc") is None
