"""Sharded trainings of two processes: their losses, and how they stop and continue."""

import signal
from pathlib import Path

import pytest

from tests.training.callbacks.test_resumed_epoch import ImageRecorder
from tests.training.test_kill import COMPARED, unequal
from tests.training.test_several_processes import together as signalled
from tests.training.two_processes import losses, saved, six_steps, two

FAILING = f"+callbacks.images={{_target_: {ImageRecorder.__module__}.ImageRecorder, "

KEPT = [key for key in COMPARED if key != "current_model_state"]
"""Entries of checkpoints without a moving average."""


@pytest.fixture(scope="module")
def words(world: Path, tiny: list[str]) -> list[str]:
    return six_steps(world, tiny)


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "difference"), [("32-true", 1e-5), ("bf16-mixed", 2**-6)])
def test_a_training_is_that_of_ddp_and_resumes_exactly(
    precision: str, difference: float, words: list[str], tmp_path: Path
) -> None:
    words = [*words, f"trainer.precision={precision}"]
    ddp, whole_run, resumed = tmp_path / "ddp", tmp_path / "whole", tmp_path / "resumed"
    two([*words, "trainer=ddp"], ddp)
    two([*words, "trainer=fsdp"], whole_run)
    one, other = saved(ddp), saved(whole_run)
    pairs = zip(losses(ddp), losses(whole_run), strict=True)
    assert all(found == pytest.approx(expected, rel=difference) for expected, found in pairs)
    assert len(losses(ddp)) == 6
    assert one.keys() == other.keys()
    assert one["state_dict"].keys() == other["state_dict"].keys()
    failing = f"{FAILING}folder: {resumed}, fail_at: 3}}"
    assert "power failure" in two([*words, "trainer=fsdp", failing], resumed, code=1)
    assert saved(resumed)["global_step"] == 2
    two([*words, "trainer=fsdp", f"resume={resumed}/checkpoints/last.ckpt"], resumed)
    after = saved(resumed)
    assert [
        *unequal({key: other[key] for key in KEPT}, {key: after[key] for key in KEPT}, "")
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        ["tuning=lora"],
        ["tuning=head"],
        ["tuning=linear_probe", "trainer.precision=32-true"],
        ["+trainer.accumulate_grad_batches=2", "+trainer.gradient_clip_algorithm=value"],
    ],
)
def test_parts_and_accumulated_batches_train_as_under_ddp(
    more: list[str], words: list[str], tmp_path: Path
) -> None:
    few = [*words, "data.val=null", "data.test=null", "callbacks.best=null", *more]
    for trainer in ("ddp", "fsdp"):
        two([*few, f"trainer={trainer}"], tmp_path / trainer)
    one, other = saved(tmp_path / "ddp"), saved(tmp_path / "fsdp")
    assert one["global_step"] == other["global_step"]
    assert one["state_dict"].keys() == other["state_dict"].keys()
    pairs = zip(losses(tmp_path / "ddp"), losses(tmp_path / "fsdp"), strict=True)
    assert all(found == pytest.approx(expected, rel=2**-6) for expected, found in pairs)


@pytest.mark.slow
def test_a_signal_stops_all_processes_which_save_together(words: list[str], tmp_path: Path) -> None:
    few = [*words, "data.val=null", "data.test=null", "callbacks.best=null", "trainer=fsdp"]
    whole_run, stopped = tmp_path / "whole", tmp_path / "stopped"
    two(few, whole_run)
    few.append("callbacks.last.every_steps=500")
    codes = signalled(few, stopped, [], [signal.SIGTERM])
    assert codes == [128 + signal.SIGTERM] * 2, (stopped / "log.txt").read_text()
    assert saved(stopped)["global_step"] in (2, 3)
    two([*few, f"resume={stopped}/checkpoints/last.ckpt"], stopped)
    one, other = ({key: it[key] for key in KEPT} for it in (saved(whole_run), saved(stopped)))
    assert [*unequal(one, other, "")] == []


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_all_and_is_not_saved(
    words: list[str], tmp_path: Path
) -> None:
    words = [*words, "trainer=fsdp", "optimizer.lr=1e30", "schedule.warm_up=1"]
    log = two(words, tmp_path, code=2)
    assert log.count("Lower optimizer.lr") == 1
    assert all(bool(one.isfinite().all()) for one in saved(tmp_path)["state_dict"].values())
