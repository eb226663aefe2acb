"""Which run a training continues, and which folder belongs to it."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.writing import write_weights
from glip_pl.errors import UserError
from glip_pl.files.claim import exclusive
from glip_pl.running.resuming import (
    claim_run,
    clear_resumed,
    find_resumed,
    hold_run_folder,
    settings_key,
)
from glip_pl.training.checkpoint_io import WholeCheckpointIO
from tests.conftest import Compose


def test_the_checkpoint_to_continue_from(
    settings: Compose, checkpoint: Path, tmp_path: Path
) -> None:
    assert find_resumed(settings()) is None
    assert find_resumed(settings([f"resume={checkpoint}"])) == checkpoint
    config = settings(["resume=auto"])
    assert find_resumed(config) is None  # nothing there yet: a new training
    last = Path(config.paths.output, "checkpoints", "last.ckpt")
    last.parent.mkdir(parents=True)
    last.symlink_to(checkpoint)
    assert find_resumed(config) == last


def test_weights_alone_cannot_be_continued(
    settings: Compose, checkpoint: Path, tmp_path: Path
) -> None:
    content = read_checkpoint(checkpoint)
    path = tmp_path / "weights.safetensors"
    write_weights(content.weights, content.config, path)
    with pytest.raises(UserError, match=r"holds weights only.*start a new training.*ckpt="):
        find_resumed(settings([f"resume={path}"]))


def test_a_folder_belongs_to_the_settings_that_it_was_claimed_for(
    settings: Compose, checkpoint: Path
) -> None:
    config = settings()
    claim_run(config, None)
    claim_run(config, None)
    changed = settings(["optimizer.lr=1e-3"])
    claim_run(changed, None)  # nothing was left that could be continued
    last = Path(config.paths.output, "checkpoints", "last.ckpt")
    last.parent.mkdir()
    last.touch()
    claim_run(changed, None)
    with pytest.raises(UserError, match=r"run belongs to another job.*hydra\.sweep\.dir"):
        claim_run(config, None)


def test_the_key_follows_what_is_learned_and_nothing_else(
    settings: Compose, checkpoint: Path, tmp_path: Path
) -> None:
    config = settings()
    key = settings_key(config, None)
    changes = {"paths.output": "elsewhere", "data.workers": 7, "callbacks.pictures": None}
    for name, value in changes.items():
        assert settings_key(changed(config, name, value), None) == key, name
    for name, value in {"optimizer.lr": 1e-3, "callbacks.ema": None, "data.batch_size": 2}.items():
        assert settings_key(changed(config, name, value), None) != key, name
    assert settings_key(config, checkpoint) != key


@pytest.mark.parametrize("total", ["null", "64"])
def test_a_job_may_get_other_gpus_where_a_step_has_so_many_images(
    total: str, settings: Compose
) -> None:
    words = [f"data.total_batch={total}", "trainer=ddp"]
    one = settings([*words, "trainer.devices=8", "data.batch_size=8"])
    other = settings([*words, "trainer.devices=4", "data.batch_size=4"])
    assert (settings_key(one, None) == settings_key(other, None)) == (total == "64")


def changed(config: DictConfig, name: str, value: Any) -> DictConfig:
    copied = config.copy()
    OmegaConf.update(copied, name, value)
    return copied


class Kill:
    """Ends the process in the middle of a save."""

    def __deepcopy__(self, known: dict[int, Any]) -> "Kill":
        return self

    def __reduce__(self) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


def killed_while_saving(path: Path) -> None:
    child = os.fork()
    if child == 0:
        io = WholeCheckpointIO()
        io.save_checkpoint({"a": bytes(1000), "b": Kill()}, path)
        io.wait()
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert [left.suffix for left in path.parent.glob(".*")] == [".partial"]


@pytest.mark.parametrize("resumed_in", ["its own folder", "another folder"])
def test_half_of_a_checkpoint_is_removed_by_the_run_that_resumes(
    settings: Compose, resumed_in: str
) -> None:
    config = settings()
    last = Path(config.paths.output, "checkpoints", "last.ckpt")
    last.parent.mkdir(parents=True)
    last.touch()
    killed_while_saving(last)
    if resumed_in == "its own folder":
        with hold_run_folder(config):
            pass
    else:
        with exclusive(last.parents[1], ""):  # its run is alive: the file may be its own
            clear_resumed(last)
            assert len(list(last.parent.iterdir())) == 2
        clear_resumed(last)
    assert list(last.parent.iterdir()) == [last]


def test_a_damaged_checkpoint_is_replaced_by_the_one_before(
    settings: Compose, checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = settings(["resume=auto"])
    last = Path(config.paths.output, "checkpoints", "last.ckpt")
    last.parent.mkdir(parents=True)
    before = last.with_name("before_last.ckpt")
    shutil.copy(checkpoint, last)
    shutil.copy(checkpoint, before)
    assert find_resumed(config) == last
    os.truncate(last, last.stat().st_size // 2)
    for config.resume in ("auto", str(last)):
        assert find_resumed(config) == before
    assert f"continuing from the save before it, {before}" in caplog.text
    before.unlink()
    config.resume = str(last)
    with pytest.raises(UserError, match=r"last\.ckpt is no readable checkpoint"):
        find_resumed(config)
