"""The report says what a forgetting budget has kept, won and lost."""

import json
from math import nan
from pathlib import Path

import numpy as np

from glip_pl.inspection.budget_section import curve, section, summary, write_choice
from glip_pl.running.forgetting_budget import Choice, Point

BEFORE = Point(0.0, 10.0, {"retention_<shapes>": 80.0})
HALF = Point(0.5, 30.0, {"retention_<shapes>": 78.5})
TUNED = Point(1.0, 40.0, {"retention_<shapes>": 60.0})


def choice(allowed: float, chosen: Point) -> Choice:
    return Choice(allowed, [BEFORE, HALF, TUNED], chosen)


def test_the_summary_says_what_is_kept_won_and_lost() -> None:
    said = summary(choice(2, HALF))
    assert "Within the budget of 2 points: 0.5 of the tuned weights" in said
    assert "lost 1.5 points" in said and "won 20.0 points" in said
    assert "all of the tuned weights lose 20.0 and win 30.0" in said
    assert "The nearest is 0.5" in summary(choice(1, HALF))
    assert "the model before the tuning, which is kept" in summary(choice(2, BEFORE))


def test_the_page_has_every_share_and_the_picture() -> None:
    page = section(choice(2, HALF), choice(2, HALF))
    assert page.count("data:image/png;base64,") == 1
    assert page.count("<td>over the budget</td>") == page.count("<td>chosen</td>") == 2
    assert "<td>98 %</td>" in page and "<td>+30.0</td>" in page
    assert "<shapes>" not in page


def test_the_picture_marks_budget_and_choice() -> None:
    axes = curve(choice(2, HALF)).axes[0]
    lines = [np.asarray(line.get_xydata()).tolist() for line in axes.lines]
    assert lines[:2] == [[[0, 10], [0.5, 30], [1, 40]], [[0, 80], [0.5, 78.5], [1, 60]]]
    assert lines[2:] == [[[0, 78], [1, 78]], [[0.5, 0], [0.5, 1]]]


def test_all_of_it_is_written_as_json(tmp_path: Path) -> None:
    lacking = Point(0.5, nan, HALF.retention)  # a test without boxes
    write_choice(choice(2, HALF), Choice(2, [BEFORE, lacking], lacking), tmp_path / "budget.json")
    content = json.loads((tmp_path / "budget.json").read_text())
    assert content["share"] == 0.5 and content["possible"] is True
    assert [one["lost"] for one in content["validation"]] == [0, 1.5, 20]
    assert content["test"][1] == {
        "share": 0.5,
        "AP": None,
        "retention": {"retention_<shapes>": 78.5},
        "lost": 1.5,
    }
