"""Runs of a sweep are read, pooled over seeds, and compared."""

import json
from math import isnan
from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.inspection.sweeps import (
    dependent_factors,
    deviation,
    pooled_rows,
    read_runs,
    spread,
    varied,
)
from tests.inspection.sweep_folder import write_run, write_sweep


def test_runs_are_pooled_over_seeds(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    runs, unfinished = read_runs(tmp_path)
    assert [run.folder.name for run in runs] == [str(number) for number in range(12)]
    assert [folder.name for folder in unfinished] == ["12"]
    assert varied(runs, ["seed"]) == ["tuning", "shots"]
    first, *others = pooled_rows(runs, "custom", "AP", ["seed"])
    assert len(others) == 5
    assert first.factors == {"tuning": "full", "shots": "1"}
    assert first.values == pytest.approx([40, 41])
    assert first.mean == pytest.approx(40.5)
    assert first.deviation == pytest.approx(0.5**0.5)


def test_spread_shows_a_deviation_only_of_several_values() -> None:
    assert spread([40, 41]) == "40.5 ± 0.7"
    assert spread([40]) == "40.0"
    assert isnan(deviation([40])) and isnan(deviation([40, float("nan")]))


def test_a_later_command_that_was_refused_changes_nothing(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["tuning=head"], 0.5)
    path = tmp_path / "0" / "results.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "overrides": ["tuning=full"]}))
    (run,) = read_runs(tmp_path)[0]
    assert run.overrides == {"tuning": "full"}


def test_factors_that_follow_from_the_shots_are_recognised(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    for path in tmp_path.glob("*/.hydra/overrides.yaml"):
        overrides = json.loads(path.read_text())
        overrides.append("trainer.max_epochs=" + ("10" if "shots=full" in overrides else "40"))
        path.write_text(json.dumps(overrides))
    rows = pooled_rows(read_runs(tmp_path)[0], "custom", "AP", ["seed"])
    epochs = {"1": "40", "10": "40", "full": "10"}
    assert dependent_factors(rows, "shots") == {"trainer.max_epochs": epochs}
    assert not dependent_factors(rows, "trainer.max_epochs")
    assert set(rows[0].factors) == {"tuning", "shots", "trainer.max_epochs"}


def test_a_null_figure_is_nan(tmp_path: Path) -> None:
    for number in range(2):
        folder = tmp_path / "Aquarium" / str(number)  # as few_shot_odinw keeps its runs
        write_run(folder, ["tuning=full", f"seed={number}"], 0.5)
        (folder / "results.json").write_text('{"sets": {"custom": {"figures": {"APs": null}}}}')
    (row,) = pooled_rows(read_runs(tmp_path)[0], "custom", "APs", ["seed"])
    assert len(row.values) == 2
    assert isnan(row.mean) and isnan(row.deviation)
    assert spread(row.values) == "nan ± nan"


def test_unknown_figures_and_empty_folders_are_reported(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    runs, _ = read_runs(tmp_path)
    with pytest.raises(UserError, match=r"no figure custom/AR; it has: custom \(AP, AP50\)"):
        pooled_rows(runs, "custom", "AR", [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no finished run"):
        read_runs(tmp_path / "empty")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("results.json", "[" * 100_000),
        ("results.json", "[]"),
        ("results.json", '{"sets": 3}'),
        ("results.json", '{"sets": {"custom": {"figures": {"AP": "high"}}}}'),
        (".hydra/overrides.yaml", "{"),
        (".hydra/overrides.yaml", "3"),
    ],
)
def test_a_run_whose_files_are_damaged_counts_as_unfinished(
    file: str, text: str, tmp_path: Path
) -> None:
    write_run(tmp_path / "0", ["tuning=head"], 0.5)
    write_run(tmp_path / "1", ["tuning=full"], 0.5)
    (tmp_path / "1" / file).write_text(text)
    runs, unfinished = read_runs(tmp_path)
    assert [run.folder for run in runs] == [tmp_path / "0"]
    assert unfinished == [tmp_path / "1"]
