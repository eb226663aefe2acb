"""Settings that have changed when a run is resumed are refused, applied, or named."""

from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.running.resuming import check_resumed
from glip_pl.training.callbacks.resumed_settings import flat, is_below
from tests.conftest import Compose
from tests.training.short_runs import fit, without_evaluation


def test_settings_are_flattened_to_dotted_keys() -> None:
    nested = {"optimizer": {"lr": 0.1}, "seed": 0, "data": {"sides": [1, 2]}}
    assert dict(flat(nested)) == {"optimizer.lr": 0.1, "seed": 0, "data.sides": [1, 2]}
    assert is_below("optimizer.lr", ("optimizer",)) and is_below("seed", ("seed",))
    assert not is_below("optimizers.lr", ("optimizer",))


def test_settings_that_change_when_a_run_is_resumed(
    world: Path, tiny: list[str], settings: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    words = [*without_evaluation(world, *tiny), "callbacks.ema=null", "schedule.warm_up=1"]
    config = settings([*words, "trainer.max_epochs=1"])
    fit(config)  # six steps; the rate drops after the fourth, and again after the fifth
    last = Path(config.paths.output, "checkpoints", "last.ckpt")
    for refused in ("seed=1", "model.channels=64", "schedule=plateau"):
        with pytest.raises(
            UserError, match=rf"must keep these settings: .*{refused.split('=')[0]}"
        ):
            check_resumed(settings([*words, refused]), last)
    with pytest.raises(UserError, match=r"trained 1 epochs, more than trainer\.max_epochs=0"):
        check_resumed(settings([*words, "trainer.max_epochs=0"]), last)
    longer = [*words, "optimizer.lr=1e-5", "trainer.max_epochs=2", "paths.output=${paths.runs}/b"]
    with caplog.at_level("WARNING", logger="glip_pl"):
        run, _ = fit(settings(longer), resume=last)
    assert "optimizer.lr=1e-05 (was 0.0005): applied from now on" in caplog.text
    assert "trainer.max_epochs=2 (was 1): differs from the interrupted run" in caplog.text
    assert "default_root_dir" not in caplog.text  # the folder changes nothing that is learned
    assert (
        "step 6: the learning rate of rest/weight goes from 5e-06 to 1e-05; the schedule now "
        "covers 12 steps (was 6) and drops the rate to a tenth at 9 and 11" in caplog.text
    )
    rates = {group["name"]: group["initial_lr"] for group in run.trainer.optimizers[0].param_groups}
    assert rates["rest/weight"] == pytest.approx(1e-5)
    assert rates["rest/bias"] == pytest.approx(2e-5)
    caplog.clear()
    last = Path(run.config.paths.output, "checkpoints", "last.ckpt")
    fit(settings(longer), resume=last)
    assert "all 2 epochs are trained" in caplog.text and "learning rate" not in caplog.text
