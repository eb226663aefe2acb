"""When a training that gets no better ends."""

import pytest
import pytorch_lightning as pl
import torch

from glip_pl.training.callbacks.best_checkpoint import BestCheckpoint
from glip_pl.training.callbacks.stopping import UntilNoBetter


@pytest.mark.parametrize(
    ("scores", "ends_after"),
    [([0.3, 0.2, 0.3, 0.2, 0.2], 5), ([0.3, 0.2, 0.1, 0.4], 3), ([0.3] * 9, None)],
)
def test_as_good_as_the_best_is_not_worse(scores: list[float], ends_after: int | None) -> None:
    stop = UntilNoBetter("val/AP", mode="max", patience=2)
    trainer = pl.Trainer(accelerator="cpu", logger=False, barebones=True)
    ended = None
    for number, score in enumerate(scores, start=1):
        trainer.callback_metrics["val/AP"] = torch.tensor(score)
        stop._run_early_stopping_check(trainer)
        if trainer.should_stop:
            ended = number
            break
    assert ended == ends_after


def test_a_resumed_run_waits_as_long_as_its_own_settings_say() -> None:
    old, new = (UntilNoBetter("val/AP", mode="max", patience=one) for one in (2, 20))
    old.wait_count = 2
    new.load_state_dict(old.state_dict())
    assert (new.wait_count, new.patience) == (2, 20)


def test_of_equal_weights_the_last_are_the_best() -> None:
    best = BestCheckpoint(monitor="val/AP", mode="max")
    trainer = pl.Trainer(accelerator="cpu", logger=False, barebones=True)
    best.best_model_score = torch.tensor(0.5)
    best.best_k_models = {"best.ckpt": torch.tensor(0.5)}
    best.kth_best_model_path = "best.ckpt"
    found = [best.check_monitor_top_k(trainer, torch.tensor(one)) for one in (0.4, 0.5, 0.6)]
    assert found == [False, True, True]
