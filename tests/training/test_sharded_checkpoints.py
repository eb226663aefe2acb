"""Checkpoints of sharded trainings are ordinary ones for every command."""

from pathlib import Path

import numpy as np
import pytest

from glip_pl import export
from glip_pl.inference.predictor import Predictor
from glip_pl.running.settings import compose_settings
from tests.reliability.tiny import PICTURE
from tests.training.two_processes import results, saved, six_steps, two

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def words(world: Path, tiny: list[str]) -> list[str]:
    return six_steps(world, tiny)


@pytest.fixture(scope="module")
def run(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sharded training."""
    folder = tmp_path_factory.mktemp("sharded") / "run"
    two([*words, "trainer=fsdp"], folder)
    return folder


def test_a_sharded_model_is_evaluated_with_the_figures_of_its_run(
    run: Path, words: list[str], tmp_path: Path
) -> None:
    best = run / "checkpoints/best.ckpt"
    two([*words, "trainer=fsdp", f"ckpt={best}"], tmp_path, "glip_pl.evaluate")
    assert results(tmp_path) == results(run)


@pytest.mark.parametrize("form", ["onnx", "torch_export"])
def test_a_predictor_loads_it_and_it_is_exported(run: Path, form: str, tmp_path: Path) -> None:
    """The command refuses a file that finds other boxes than the predictor."""
    best = run / "checkpoints/best.ckpt"
    found = Predictor.load(best)(PICTURE, "a red circle")
    assert np.isfinite(found.scores).all()
    output = tmp_path / f"model.{'onnx' if form == 'onnx' else 'pt2'}"
    words = [f"ckpt={best}", f"format={form}", f"output={output}", "check_count=2"]
    export.export(compose_settings(words, "export"))
    assert output.stat().st_size > 0


def test_training_continues_without_shards_and_back(
    run: Path, words: list[str], tmp_path: Path
) -> None:
    alone, back = tmp_path / "alone", tmp_path / "back"
    more = [f"resume={run}/checkpoints/last.ckpt", "trainer.max_epochs=2"]
    two([*words, "trainer=ddp", *more], alone)
    assert saved(alone)["global_step"] == 12
    more = [f"resume={alone}/checkpoints/last.ckpt", "trainer.max_epochs=3"]
    two([*words, "trainer=fsdp", *more], back)
    assert saved(back)["global_step"] == 18
