"""Ctrl-C, SIGTERM and errors in the middle of a training: what is saved, and how it continues."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from glip_pl.errors import UserError
from glip_pl.running.settings import compose_settings
from glip_pl.train import Run
from glip_pl.training.interruption import stopped_at_batch_end
from tests.conftest import Compose
from tests.training.short_runs import fit, without_evaluation

CUT = 3
"""Batches that are complete when the training is cut."""

LAST = 5
"""Batches that are complete when only the last one of the epoch is left."""


@pytest.fixture(scope="module")
def words(world: Path, tiny: list[str]) -> list[str]:
    """A training of six steps with a moving average, dropout and flips."""
    changes = ("data.train_transform.flip=0.5", "callbacks.ema.decay=0.9")
    return without_evaluation(world, *tiny, *changes)


@pytest.fixture(scope="module")
def uninterrupted(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The last checkpoint of the same training when nothing cuts it."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    config = compose_settings(["name=test", f"paths.output={folder}", *words])
    fit(config)
    return last_checkpoint(config)


def last_checkpoint(config: DictConfig) -> dict[str, Any]:
    path = Path(config.paths.output, "checkpoints", "last.ckpt")
    return dict(torch.load(path, weights_only=True))


def at_step(run: Run, step: int, action: Callable[[], object], where: str) -> None:
    """Do something once, in the forward pass, or while the optimizer updates the weights."""

    def act(*_: object) -> None:
        if run.trainer.global_step == step:
            action()

    if where == "forward":
        run.module.model.register_forward_pre_hook(act)
        return
    update = run.module.optimizer_step

    def update_and_act(*args: Any, **kwargs: Any) -> None:
        update(*args, **kwargs)
        act()  # the weights have changed, and the step is not counted yet

    run.module.optimizer_step = update_and_act  # type: ignore[method-assign]  # a fault on purpose


def fail() -> None:
    raise RuntimeError("power failure")


def resumed_equals(config: DictConfig, expected: dict[str, Any]) -> bool:
    """Whether a resumed run ends with the very weights and averages of the uninterrupted one."""
    last = Path(config.paths.output, "checkpoints", "last.ckpt")
    fit(config, resume=last)
    content = last_checkpoint(config)
    return content["global_step"] == expected["global_step"] and all(
        torch.equal(content[key][name], value)
        for key in ("state_dict", "current_model_state")
        for name, value in expected[key].items()
    )


@pytest.mark.parametrize("complete", [CUT, LAST])
def test_an_error_in_a_batch_loses_nothing(
    complete: int, words: list[str], settings: Compose, uninterrupted: dict[str, Any]
) -> None:
    config = settings(words)
    with pytest.raises(RuntimeError, match="power failure"):
        fit(config, change=lambda run: at_step(run, complete, fail, "forward"))
    assert last_checkpoint(config)["global_step"] == complete
    assert resumed_equals(settings(words), uninterrupted)


def test_weights_that_change_before_their_step_counts_are_not_saved(
    words: list[str], settings: Compose, uninterrupted: dict[str, Any]
) -> None:
    words = [*words, "callbacks.last.every_steps=2"]
    config = settings(words)
    with pytest.raises(RuntimeError, match="power failure"):
        fit(config, change=lambda run: at_step(run, CUT, fail, "update"))
    assert last_checkpoint(config)["global_step"] == 2
    assert resumed_equals(settings(words), uninterrupted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_batch_with_its_exit_code(
    number: signal.Signals,
    words: list[str],
    settings: Compose,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = settings(words)

    def send(run: Run) -> None:
        at_step(run, CUT, lambda: os.kill(os.getpid(), number), "update")

    with pytest.raises(SystemExit) as stopped:
        fit(config, change=send, around=stopped_at_batch_end)
    assert stopped.value.code == 128 + number
    assert f"stopped by {number.name}" in capsys.readouterr().err
    assert last_checkpoint(config)["global_step"] == CUT + 1


@pytest.mark.parametrize(
    "length", [["trainer.max_epochs=2"], ["trainer.max_epochs=-1", "trainer.max_steps=14"]]
)
def test_a_signal_in_the_last_batch_of_an_epoch_loses_nothing(
    length: list[str], words: list[str], settings: Compose
) -> None:
    words = [*words, *length]
    whole = settings(words)
    fit(whole)
    expected = last_checkpoint(whole)
    config = settings(words)

    def send(run: Run) -> None:
        at_step(run, LAST, lambda: signal.raise_signal(signal.SIGTERM), "update")

    with pytest.raises(SystemExit):
        fit(config, change=send, around=stopped_at_batch_end)
    assert last_checkpoint(config)["global_step"] == LAST + 1
    assert resumed_equals(settings(words), expected)


@pytest.mark.parametrize("where", ["forward", "update"])
def test_a_signal_to_the_workers_too_loses_nothing(
    where: str,
    words: list[str],
    settings: Compose,
    uninterrupted: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As job schedulers and `kill -- -<group>` send it."""
    config = settings([*words, "data.workers=1"])

    def stop_all() -> None:
        signal.raise_signal(signal.SIGTERM)
        # From elsewhere: PyTorch takes a signal of the parent for the end of the work.
        workers = [str(worker.pid) for worker in active_children()]
        subprocess.run(["kill", *workers], check=True)
        time.sleep(0.2)

    with pytest.raises(SystemExit) as stopped:
        fit(
            config,
            change=lambda run: at_step(run, CUT, stop_all, where),
            around=stopped_at_batch_end,
        )
    assert stopped.value.code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in capsys.readouterr().err
    assert last_checkpoint(config)["global_step"] == CUT + 1
    assert resumed_equals(settings(words), uninterrupted)


def test_a_second_interrupt_stops_at_once_and_saves_nothing(
    words: list[str], settings: Compose
) -> None:
    config = settings(words)

    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(SystemExit) as stopped:
        fit(
            config,
            change=lambda run: at_step(run, CUT, twice, "forward"),
            around=stopped_at_batch_end,
        )
    assert stopped.value.code == 128 + signal.SIGINT
    assert last_checkpoint(config)["global_step"] == 0  # as saved before the first step


def test_weights_of_a_loss_that_is_not_finite_are_not_saved(
    words: list[str], settings: Compose
) -> None:
    config = settings(words)

    def diverge(run: Run) -> None:
        scale = run.module.model.head.log_scale
        at_step(run, CUT, lambda: scale.data.fill_(-1e4), "forward")  # finite, but its loss is not

    with pytest.raises(UserError, match=r"the loss is .* at step 3"):
        fit(config, change=diverge)
    assert last_checkpoint(config)["global_step"] == 0
