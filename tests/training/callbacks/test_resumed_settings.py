"""Settings that have changed when a run is resumed are refused, applied, or named."""

from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.training.callbacks.resumed_settings import flat, is_below
from tests.conftest import Compose
from tests.training.short_runs import fit, without_evaluation


def test_settings_are_flattened_to_dotted_keys() -> None:
    nested = {"optimizer": {"lr": 0.1}, "seed": 0, "data": {"sides": [1, 2]}}
    assert dict(flat(nested)) == {"optimizer.lr": 0.1, "seed": 0, "data.sides": [1, 2]}
    assert is_below("optimizer.lr", ("optimizer",)) and is_below("seed", ("seed",))
    assert not is_below("optimizers.lr", ("optimizer",))


def test_settings_that_change_when_a_run_is_resumed(
    world: Path, settings: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    words = without_evaluation(world)
    config = settings([*words, "trainer.max_steps=4"])
    fit(config)
    last = Path(config.paths.output, "checkpoints", "last.ckpt")
    for refused in ("seed=1", "data.batch_size=2", "model.channels=64"):
        with pytest.raises(
            UserError, match=rf"must keep these settings: .*{refused.split('=')[0]}"
        ):
            fit(settings([*words, refused]), resume=last)
    with caplog.at_level("WARNING", logger="glip_pl"):
        run, _ = fit(settings([*words, "optimizer.lr=1e-5", "trainer.max_steps=5"]), resume=last)
    assert "optimizer.lr=1e-05 (was 0.0005): applied from now on" in caplog.text
    assert "trainer.max_steps=5 (was 4): differs from the interrupted run" in caplog.text
    rates = {group["name"]: group["initial_lr"] for group in run.trainer.optimizers[0].param_groups}
    assert rates["rest/weight"] == pytest.approx(1e-5)
    assert rates["rest/bias"] == pytest.approx(2e-5)
