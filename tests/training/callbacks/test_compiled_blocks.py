"""The setting `compile`."""

from pathlib import Path

import pytest
import pytorch_lightning as pl

from glip_pl.errors import UserError
from glip_pl.models.compiling import blocks
from glip_pl.train import prepare
from glip_pl.training.callbacks.compiled_blocks import CompiledBlocks
from tests.conftest import Compose
from tests.training.short_runs import fit, without_evaluation


def compiling(trainer: pl.Trainer) -> list[CompiledBlocks]:
    callbacks = vars(trainer)["callbacks"]  # the Trainer gets its list at run time
    return [one for one in callbacks if isinstance(one, CompiledBlocks)]


def test_blocks_are_compiled_for_a_training_on_a_gpu(
    settings: Compose, world: Path, tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning's accelerator is named otherwise: there is no GPU. Nothing is run."""
    run = prepare(settings([*without_evaluation(world, *tiny), "compile=blocks"]), None)
    (callback,) = compiling(run.trainer)
    monkeypatch.setattr(pl.Trainer, "accelerator", property(lambda trainer: None))
    callback.setup(run.trainer, run.module, "test")
    assert not any(block._compiled_call_impl for block in blocks(run.module.model))
    callback.setup(run.trainer, run.module, "fit")
    found = list(blocks(run.module.model))
    assert found and all(block._compiled_call_impl for block in found)


def test_a_cpu_is_refused(settings: Compose, world: Path, tiny: list[str]) -> None:
    with pytest.raises(UserError, match=r"compile=blocks .* GPU"):
        fit(settings([*without_evaluation(world, *tiny), "compile=blocks"]))


def test_by_default_nothing_is_compiled(settings: Compose, world: Path, tiny: list[str]) -> None:
    run = prepare(settings(without_evaluation(world, *tiny)), None)
    assert not compiling(run.trainer)
