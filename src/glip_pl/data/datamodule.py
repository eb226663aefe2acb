"""Lightning's data module: one mixture of training sets, named evaluation sets."""

from collections.abc import Collection, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from glip_pl.data.collate import Collate
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.sampling import Mixture, MixtureSampler, ShareSampler, Source
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Sample


class LateLoader(DataLoader[Sample]):
    """Starts its workers at the first batch, not when an iterator is made.

    Lightning makes the iterator before it restores a run: workers that start at once would fetch
    the first samples of the epoch.
    """

    def __iter__(self) -> Any:
        """Batches, from the sampler's position at the first batch."""
        yield from super().__iter__()


class GroundingDataModule(pl.LightningDataModule):
    """Makes the loaders of training and evaluation; `batch_size` is per process."""

    def __init__(
        self,
        train: Mapping[str, Source],
        val: Mapping[str, EvaluationSet],
        test: Mapping[str, EvaluationSet],
        tokenizer: Tokenizer,
        batch_size: int,
        workers: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.train = train
        self.val = val
        self.test = test
        self.tokenizer = tokenizer
        self.collate = Collate(tokenizer)
        self.batch_size = batch_size
        self.workers = workers
        self.seed = seed
        # Ids of the images of each test set that an interrupted evaluation has already evaluated.
        self.done: Mapping[str, Collection[int]] = {}

    def _ranks(self) -> tuple[int, int]:
        """This process's rank and the number of processes."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _position(self) -> tuple[int, int]:
        """The epoch, and how many samples of it this rank has been trained on."""
        if self.trainer is None:
            return 0, 0
        batches = self.trainer.fit_loop.epoch_loop.batch_progress.current.completed
        return self.trainer.current_epoch, batches * self.batch_size

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches of the mixture; an incomplete last batch is left out unless it is the only one.

        A run resumed in the middle of an epoch continues with the samples it has not seen.
        """
        mixture = Mixture(list(self.train.values()))
        sampler = MixtureSampler(mixture, self.seed, *self._ranks(), self._position)
        return LateLoader(
            mixture,
            self.batch_size,
            sampler=sampler,
            collate_fn=Collate(self.tokenizer, training=True),
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
            drop_last=len(sampler) > self.batch_size,
        )

    def _evaluation(
        self, sets: Mapping[str, EvaluationSet], done: Mapping[str, Collection[int]]
    ) -> list[DataLoader[Sample]]:
        return [
            DataLoader(
                dataset,
                self.batch_size,
                sampler=ShareSampler(dataset.without(done.get(name, ())), *self._ranks()),
                collate_fn=self.collate,
                num_workers=self.workers,
                pin_memory=torch.cuda.is_available(),
            )
            for name, dataset in sets.items()
        ]

    def val_dataloader(self) -> list[DataLoader[Sample]]:
        """One loader per validation set, in their order."""
        return self._evaluation(self.val, {})

    def test_dataloader(self) -> list[DataLoader[Sample]]:
        """One loader per test set, in their order, without the images of `done`."""
        return self._evaluation(self.test, self.done)
