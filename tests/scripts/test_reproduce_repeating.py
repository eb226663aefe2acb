"""Commands run, are compared, and run again only if something changed."""

import re
import shutil
from pathlib import Path

import pytest

from scripts.reproduce.entries import Entry
from scripts.reproduce.page import ROOT
from scripts.reproduce.repeating import FAILED, MOVED, SAME, code_state, folder_of, repeat
from scripts.reproduce.tolerances import read_tolerance

PAGE = {"Sums": "| sum | 4 |\n| mean of one, and of two | 3 | 6 |\n"}


def entry(command: str, tolerance: object = 0) -> Entry:
    return Entry(
        id="sums",
        section="Sums",
        what="sums",
        command=command,
        minutes=0.1,
        recorded=["| sum | {sum} |", "and of two | {one} | {two} |"],
        measured={"output.txt": ["sum {sum}"], "means.json": {"one": "means.0", "two": "2 * half"}},
        tolerance={"*": read_tolerance(tolerance)},
        ratios={"two to one": ["two", "one"]},
    )


PRINTS = """
echo "sum 5"
echo '{"means": [20], "half": 20}' > <folder>/means.json
echo ran >> <folder>/../count
"""


def test_a_command_is_compared_and_not_run_again(tmp_path: Path) -> None:
    for tolerance, verdict in ((0, MOVED), (1, SAME), ("30 %", SAME)):
        sums = entry(PRINTS, tolerance)
        folder = folder_of(sums, tmp_path, {}, "code")
        outcome = repeat(sums, folder, {}, PAGE)
        assert outcome.verdict == verdict
        assert {name: figure.measured for name, figure in outcome.figures.items()} == {
            "sum": 5,
            "two to one": 2,
        }
    assert (tmp_path / "sums" / "count").read_text() == "ran\n"


def test_other_code_or_another_input_runs_again(tmp_path: Path) -> None:
    base = tmp_path / "base.ckpt"
    base.write_text("one")
    sums = entry("cat <base>")
    folders = {folder_of(sums, tmp_path, {"base": base}, code) for code in ("a", "b", "a")}
    base.write_text("two")
    assert len(folders | {folder_of(sums, tmp_path, {"base": base}, "a")}) == 3


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("false; echo sum 5", "exit code 1: see "),
        ("echo nothing; echo '{}' > <folder>/means.json", "0 places of the form 'sum {sum}'"),
        ("echo sum 5", "left no .*means.json"),
        ("echo sum 5; echo '{\"means\": []}' > <folder>/means.json", "no number at means.0"),
    ],
)
def test_a_command_without_the_figures_fails(command: str, reason: str, tmp_path: Path) -> None:
    outcome = repeat(entry(command), tmp_path / "run", {}, PAGE)
    assert outcome.verdict == FAILED
    assert re.search(reason, outcome.reason)


def test_the_state_of_the_code_is_that_of_its_files(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf" / "tuning", tmp_path / "conf")
    before = code_state(tmp_path)
    (tmp_path / "conf" / "notes.txt").write_text("no code")
    assert code_state(tmp_path) == before
    (tmp_path / "conf" / "new.yaml").write_text("trains: []\n")
    assert code_state(tmp_path) != before
