"""Loaders of training and evaluation sets, without a trainer."""

from pathlib import Path

import pytest

from glip_pl.data.datamodule import GroundingDataModule, LateLoader
from glip_pl.data.grouping import Layout
from glip_pl.data.sampling import Position, Source
from glip_pl.prompts.tokens import Tokenizer
from tests.data.conftest import OpenEvaluation, OpenTraining
from tests.data.formats.writers import coco, scenes

SCENES = [scene for scene in scenes(10) if scene.boxes]


@pytest.fixture
def module(
    open_training: OpenTraining,
    open_evaluation: OpenEvaluation,
    tmp_path: Path,
    tokenizer: Tokenizer,
) -> GroundingDataModule:
    reader = coco(tmp_path, SCENES)  # ids 7, 10, 13, ...
    return GroundingDataModule(
        train={"boxes": Source(open_training(reader))},
        val={"few": open_evaluation(reader, limit=2), "all": open_evaluation(reader)},
        test={"all": open_evaluation(reader)},
        tokenizer=tokenizer,
        batch_size=4,
        workers=0,
        seed=0,
    )


def test_an_incomplete_training_batch_is_left_out(module: GroundingDataModule) -> None:
    loader = module.train_dataloader()
    assert isinstance(loader, LateLoader)
    assert [len(batch) for batch in loader] == [4, 4]  # of nine pictures


def test_an_incomplete_training_batch_is_used_if_it_is_the_only_one(
    module: GroundingDataModule,
) -> None:
    module.batch_size = 100
    assert [len(batch) for batch in module.train_dataloader()] == [len(SCENES)]


def test_every_evaluation_set_has_a_loader_of_its_own(module: GroundingDataModule) -> None:
    few, every = ([*loader] for loader in module.val_dataloader())
    assert [batch.image_ids for batch in few] == [[7, 10]]
    assert [len(batch) for batch in every] == [4, 4, 1]


def test_images_that_are_done_are_not_evaluated_again(module: GroundingDataModule) -> None:
    module.done = {"all": {7, 13}}
    (loader,) = module.test_dataloader()
    images = [image for batch in loader for image in batch.image_ids]
    assert images == [10, *range(16, 16 + 3 * (len(SCENES) - 3), 3)]
    assert [batch.image_ids for batch in module.val_dataloader()[0]] == [[7, 10]]


def test_an_iterator_alone_draws_nothing(module: GroundingDataModule) -> None:
    """Lightning makes iterators before it restores the position of a resumed run."""
    positions: list[str] = []

    def position() -> Position:
        positions.append("called")
        return Position(0, 0, Layout())

    loader = module.train_dataloader()
    loader.sampler.position = position  # type: ignore[attr-defined]  # of MixtureSampler
    batches = iter(loader)
    assert positions == []
    next(batches)
    assert positions == ["called"]
