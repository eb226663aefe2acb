"""Trainings that are resumed in the middle of an epoch with another batch size."""

from pathlib import Path

import pytest
import torch

from glip_pl.errors import UserError
from tests.conftest import Compose
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
