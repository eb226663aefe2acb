"""A training with a budget ends with weights that forget no more than allowed, tested and kept."""

import csv
import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.errors import UserError
from glip_pl.evaluate import evaluate
from glip_pl.running.settings import compose_settings
from glip_pl.train import train
from tests.conftest import SMALL, Compose


@pytest.fixture(scope="module")
def words(
    world: Path,
    custom: Path,
    tiny: list[str],
    tiny_finding: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[str]:
    """A fine-tuning on a user's folder, whose retention is measured on two pictures."""
    data = tmp_path_factory.mktemp("data")
    (data / "shapes").symlink_to(world)
    return [
        *tiny,
        *(word for word in SMALL if not word.startswith(("data.prepare", "data.train_transform"))),
        *("experiment=finetune_custom", f"data.root={custom}", f"paths.data={data}"),
        *("retention=shapes", "data.retention.shapes.limit=2"),
        *("data.train_transform.short_sides=[96]", "data.train_transform.max_side=96"),
        *("data.eval_transform.max_side=96", "trainer.max_epochs=1", f"ckpt={tiny_finding}"),
    ]


@dataclass(frozen=True)
class Tuned:
    """What a training with a budget returns and says, and its folder."""

    score: float | None
    said: str
    output: Path


@pytest.fixture(scope="module")
def tuned(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    output = tmp_path_factory.mktemp("tuned")
    places = ["name=test", f"paths.output={output}", f"paths.runs={output}"]
    said = StringIO()
    with redirect_stdout(said):
        score = train(compose_settings([*places, *words, "forget_at_most=100"]))
    return Tuned(score, said.getvalue(), output)


def loaded(path: Path) -> Any:
    return json.loads(path.read_text())


def test_the_weights_within_the_budget_are_written_and_tested(
    tuned: Tuned, tiny_finding: Path
) -> None:
    output = tuned.output
    budget = loaded(output / "budget.json")
    assert budget["possible"] and budget["forget_at_most"] == 100
    shares = [point["share"] for point in budget["validation"]]
    assert shares[0] == 0 and shares[-1] == 1 and len(shares) == 8
    (chosen,) = (one for one in budget["validation"] if one["share"] == budget["share"])
    assert chosen["AP"] == max(one["AP"] for one in budget["validation"])
    assert tuned.score == pytest.approx(chosen["AP"] / 100)

    path = output / "checkpoints" / "within_budget.safetensors"
    weights, share = read_checkpoint(path).weights, budget["share"]
    before = read_checkpoint(tiny_finding).weights
    after = read_checkpoint(output / "checkpoints" / "best.ckpt").weights
    name = "head.prior_bias"
    torch.testing.assert_close(weights[name], torch.lerp(before[name], after[name], share))

    results = loaded(output / "results.json")
    assert results["checkpoint"]["file"] == str(path)
    (tested,) = (one for one in budget["test"] if one["share"] == share)
    figures = {name: one["figures"]["AP"] for name, one in results["sets"].items()}
    assert tested["AP"] == pytest.approx(100 * figures["custom"])
    kept = tested["retention"]["retention_shapes"]
    assert kept == pytest.approx(100 * figures["retention_shapes"])
    assert {0, 1} <= {one["share"] for one in budget["test"]}
    page = (output / "report.html").read_text()
    assert "Forgetting budget" in page and "<td>chosen</td>" in page
    assert "Within the budget of 100 points" in tuned.said
    with (output / "csv" / "metrics.csv").open() as file:  # the shares leave no points in curves
        assert sum(bool(row["test/AP"]) for row in csv.DictReader(file)) == 1


def test_the_pictures_that_are_tested_did_not_choose(
    tuned: Tuned, words: list[str], settings: Compose
) -> None:
    before = loaded(tuned.output / "budget.json")["test"][0]
    evaluation = [word for word in words if not word.startswith(("experiment=", "trainer.max"))]
    config = settings([*evaluation, "data=custom", "forget_at_most=100"], "evaluate")
    evaluate(config)
    sets = loaded(Path(config.paths.output, "results.json"))["sets"]
    figure = sets["retention_shapes"]["figures"]["AP"]
    assert before["retention"]["retention_shapes"] == pytest.approx(100 * figure)
    assert sets["retention_shapes"]["images"] == 2


def test_settings_that_cannot_keep_a_budget_are_refused_at_once(
    words: list[str], settings: Compose
) -> None:
    without = [word for word in words if not word.startswith("ckpt=")]
    with pytest.raises(UserError, match=r"forget_at_most=2.* needs ckpt="):
        train(settings([*without, "forget_at_most=2"]))
    without = [word for word in words if "retention" not in word]
    with pytest.raises(UserError, match=r"forget_at_most=2.* needs retention="):
        train(settings([*without, "forget_at_most=2"]))
