"""Trainings that are resumed in the middle of an epoch with another batch size."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import find_free_network_port

from glip_pl.errors import UserError
from glip_pl.types import Batch
from tests.conftest import SMALL, Compose
from tests.training.commands import Command, Place, start
from tests.training.short_runs import Step, fit, without_evaluation


def images_of(steps: list[Step]) -> list[int]:
    return [image for images, _, _ in steps for image in images]


def test_another_batch_size_sees_the_rest_of_the_epoch(
    world: Path, tiny: list[str], settings: Compose
) -> None:
    words = [*without_evaluation(world, *tiny), "trainer.max_epochs=2"]
    _, whole = fit(settings(words))
    epoch = len(whole) // 2
    config = settings(words)
    with pytest.raises(RuntimeError, match="power failure"):
        fit(config, fail_at=3)
    last = Path(config.paths.output, "checkpoints/last.ckpt")
    smaller = settings([*words, "data.batch_size=2"])
    run, rest = fit(smaller, resume=last)
    steps = int(run.trainer.num_training_batches)
    assert steps == 2 * epoch + 1  # two pictures more than the batches of four had
    first = steps - 2 * 3
    assert images_of(rest[: first - 1]) == images_of(whole[3:epoch])
    content = torch.load(last, weights_only=True)
    assert content["epoch"] == 2
    assert len(rest[first:]) == steps
    assert images_of(rest[first:])[: 4 * epoch] == images_of(whole[epoch:])


def test_an_older_checkpoint_needs_its_batch_size(
    world: Path, tiny: list[str], settings: Compose
) -> None:
    words = without_evaluation(world, *tiny)
    config = settings(words)
    with pytest.raises(RuntimeError, match="power failure"):
        fit(config, fail_at=3)
    last = Path(config.paths.output, "checkpoints/last.ckpt")
    content = torch.load(last, weights_only=True)
    del content["GroundingDataModule"]
    older = last.with_name("older.ckpt")
    torch.save(content, older)
    with pytest.raises(UserError, match=r"data\.batch_size=2 \(was 4\): a checkpoint of this"):
        fit(settings([*words, "data.batch_size=2"]), resume=older)
    _, whole = fit(settings([*words, "paths.output=${paths.runs}/whole"]))
    _, rest = fit(settings([*words, "data.grouping=orientation"]), resume=older)
    assert rest == whole[3:]


class ImageRecorder(pl.Callback):
    """Writes the images of every batch to a file of its process, and fails at one if asked to."""

    def __init__(self, folder: str, fail_at: int | None = None) -> None:
        self.folder = Path(folder)
        self.fail_at = fail_at

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        if batch_idx == self.fail_at:
            raise RuntimeError("power failure")
        with (self.folder / f"{trainer.global_rank}.txt").open("a") as file:
            file.writelines(f"{image}\n" for image in batch.image_ids)


def recorded(folder: Path) -> list[int]:
    """The images of all processes, sorted."""
    return sorted(int(line) for file in folder.glob("?.txt") for line in file.open())


@pytest.mark.slow
def test_one_process_continues_the_epoch_of_two(
    world: Path, tiny: list[str], tmp_path: Path
) -> None:
    """Real gloo processes: every picture of the epoch is seen once."""
    target = f"{{_target_: {ImageRecorder.__module__}.ImageRecorder, folder: %s, fail_at: %s}}"
    words = [
        *(override for override in SMALL if override != "trainer=cpu"),
        *(*tiny, f"data.root={world}", "trainer.max_epochs=1", "data.val=null", "data.test=null"),
        *("data.train.detection=null", "data.train.captions.weight=1"),
        *(f"callbacks.{name}=null" for name in ("best", "pictures", "ema", "parts")),
        *("++trainer.accelerator=cpu", "trainer.precision=32-true"),
    ]
    two, one = tmp_path / "two", tmp_path / "one"
    for folder in (two, one):
        folder.mkdir()
    of_two = [*words, "trainer=ddp", "trainer.devices=2", "data.batch_size=2"]
    of_two += ["callbacks.last.every_steps=2", f"hydra.run.dir={two}"]
    of_two.append(f"+callbacks.images={target % (two, 2)}")
    port = find_free_network_port()
    commands = [Command("glip_pl.train", of_two, tmp_path, Place(rank, 2, port)) for rank in (0, 1)]
    for process in [start(command) for command in commands]:
        process.join()
        assert process.exitcode, (tmp_path / "log.txt").read_text()
    assert len(recorded(two)) == len(set(recorded(two))) == 8
    of_one = [*words, "trainer=cpu", "data.batch_size=3", f"hydra.run.dir={one}"]
    of_one += [f"resume={two}/checkpoints/last.ckpt", f"+callbacks.images={target % (one, 'null')}"]
    process = start(Command("glip_pl.train", of_one, tmp_path))
    process.join()
    assert process.exitcode == 0, (tmp_path / "log.txt").read_text()
    seen = recorded(two) + recorded(one)
    assert len(set(seen)) == len(seen)
    assert len(recorded(one)) == (15 - 8) // 3 * 3  # of fifteen captions
