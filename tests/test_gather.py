"""A sweep becomes a table over seeds."""

import csv
import json
from math import isnan
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

from glip_pl.errors import UserError
from glip_pl.gather import gather
from glip_pl.inspection.sweeps import dependent_factors, pooled_rows, read_runs, spread


def run(folder: Path, words: list[str], ap: float | None) -> None:
    """A run's folder as `train -m` leaves it; without results if `ap` is None."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text(json.dumps(words))
    if ap is not None:
        figures = {"AP": ap, "AP50": 2 * ap}
        (folder / "results.json").write_text(json.dumps({"sets": {"custom": {"figures": figures}}}))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    number = 0
    for tuning, best in (("full", 0.4), ("prompt", 0.3)):
        for shots in ("1", "full", "10"):
            for seed in (0, 1):
                words = ["experiment=few_shot", f"tuning={tuning}", f"shots={shots}"]
                run(tmp_path / str(number), [*words, f"+seed={seed}"], best + seed / 100)
                number += 1
    run(tmp_path / str(number), ["tuning=head"], None)
    return tmp_path


def test_seeds_are_pooled_and_unfinished_runs_named(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"sweep": str(sweep), "set": None, "figure": "AP50", "axis": "shots"}
    gather(OmegaConf.create({**config, "pooled": ["seed", "shots_seed"]}))
    said = capsys.readouterr().out
    assert "81.0 ± 1.4" in said and "61.0 ± 1.4" in said
    assert f"without results: {sweep}/12" in said
    with (sweep / "gather.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["tuning"] for row in table] == ["full"] * 3 + ["prompt"] * 3
    assert [row["shots"] for row in table[:3]] == ["1", "full", "10"]
    assert {row["runs"] for row in table} == {"2"}
    with Image.open(sweep / "gather.png") as picture:
        assert picture.width > 500


def test_a_later_try_that_was_refused_changes_nothing(tmp_path: Path) -> None:
    run(tmp_path / "0", ["tuning=head"], 0.5)
    path = tmp_path / "0" / "results.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "overrides": ["tuning=full"]}))
    (found,) = read_runs(tmp_path)[0]
    assert found.overrides == {"tuning": "full"}


def test_what_follows_from_the_shots_makes_no_lines_of_its_own(sweep: Path) -> None:
    for path in sweep.glob("*/.hydra/overrides.yaml"):
        words = json.loads(path.read_text())
        words.append("trainer.max_epochs=" + ("10" if "shots=full" in words else "40"))
        path.write_text(json.dumps(words))
    found = pooled_rows(read_runs(sweep)[0], "custom", "AP", ["seed"])
    epochs = {"1": "40", "10": "40", "full": "10"}
    assert dependent_factors(found, "shots") == {"trainer.max_epochs": epochs}
    assert not dependent_factors(found, "trainer.max_epochs")
    assert set(found[0].factors) == {"tuning", "shots", "trainer.max_epochs"}


def test_a_figure_that_a_set_does_not_have_is_no_number(tmp_path: Path) -> None:
    for number in range(2):
        place = tmp_path / "Aquarium" / str(number)  # as few_shot_odinw keeps its runs
        run(place, ["tuning=full", f"seed={number}"], 0.5)
        (place / "results.json").write_text('{"sets": {"custom": {"figures": {"APs": null}}}}')
    (found,) = pooled_rows(read_runs(tmp_path)[0], "custom", "APs", ["seed"])
    assert len(found.values) == 2
    assert isnan(found.mean) and isnan(found.deviation)
    assert spread(found.values) == "nan ± nan"


def test_unknown_figures_and_empty_folders_are_told(sweep: Path, tmp_path: Path) -> None:
    runs, _ = read_runs(sweep)
    with pytest.raises(UserError, match=r"no figure custom/AR; it has: custom \(AP, AP50\)"):
        pooled_rows(runs, "custom", "AR", [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no finished run"):
        read_runs(tmp_path / "empty")
