"""A sweep becomes a table and a plot."""

import csv
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from PIL import Image

from glip_pl.errors import UserError
from glip_pl.gather import gather
from tests.inspection.sweep_folder import write_run, write_sweep


def test_seeds_are_pooled_and_unfinished_runs_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep(tmp_path)
    config: dict[str, Any] = {
        "sweep": str(tmp_path),
        "set": None,
        "figure": "AP50",
        "axis": "shots",
    }
    gather(OmegaConf.create({**config, "pooled": ["seed", "shots_seed"]}))
    printed = capsys.readouterr().out
    assert "81.0 ± 1.4" in printed and "61.0 ± 1.4" in printed
    assert f"without results: {tmp_path}/12" in printed
    with (tmp_path / "gather.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["tuning"] for row in table] == ["full"] * 3 + ["prompt"] * 3
    assert [row["shots"] for row in table[:3]] == ["1", "full", "10"]
    assert {row["runs"] for row in table} == {"2"}
    with Image.open(tmp_path / "gather.png") as picture:
        assert picture.width > 500


def test_a_setting_is_no_formula_of_a_spreadsheet(tmp_path: Path) -> None:
    for number, value in enumerate(["=1+1", "-2", "@SUM(1)", "-1e-3", "plain"]):
        write_run(tmp_path / str(number), [f"a={value}"], 0.5)
    config: dict[str, Any] = {
        "sweep": str(tmp_path),
        "set": None,
        "figure": "AP",
        "axis": "a",
        "pooled": [],
    }
    gather(OmegaConf.create(config))
    with (tmp_path / "gather.csv").open() as file:
        cells = [row["a"] for row in csv.DictReader(file)]
    assert cells == ["'=1+1", "-2", "'@SUM(1)", "-1e-3", "plain"]


def test_a_table_that_cannot_be_written_is_told_first(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["a=1"], 0.5)
    (tmp_path / "gather.csv").mkdir()
    with pytest.raises(UserError, match=r"gather\.csv is a folder: name a file"):
        gather(OmegaConf.create({"sweep": str(tmp_path)}))


def test_names_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, value in enumerate(["[/]", "$x_"]):
        write_run(tmp_path / str(number), [f"[/b]={value}"], 0.5)
    config: dict[str, Any] = {"sweep": str(tmp_path), "set": None, "figure": "AP", "pooled": []}
    gather(OmegaConf.create({**config, "axis": "[/b]"}))
    said = capsys.readouterr().out
    assert "[/]" in said and "[/b]" in said
