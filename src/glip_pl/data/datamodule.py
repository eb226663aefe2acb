"""Lightning's data module: one mixture of training sets, named evaluation sets."""

from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from glip_pl.data.collate import Collate
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.grouping import Grouping, Layout
from glip_pl.data.progress import Progress
from glip_pl.data.sampling import Mixture, MixtureSampler, Position, ShareSampler, Source
from glip_pl.data.windows import with_joint_sums
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Padding, Sample


class LateLoader(DataLoader[Sample]):
    """Starts its workers at the first batch, not when an iterator is made.

    Lightning makes the iterator before it restores a run: workers that start at once would fetch
    the first samples of the epoch.
    """

    def __init__(self, steps: Callable[[], tuple[int, int, float]], *args: Any, **kw: Any) -> None:
        """`steps` says how batches make up optimizer steps: see `with_joint_sums`."""
        super().__init__(*args, **kw)
        self.steps = steps

    def __iter__(self) -> Any:
        """Batches, from the sampler's position at the first batch."""
        yield from with_joint_sums(super().__iter__(), *self.steps())


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
        grouping: Grouping = "none",
        padding: Padding = "shared",
    ) -> None:
        """`grouping` says which pictures share a batch in training; `padding` is the model's.

        The arguments are many because each is a setting or a part that settings build.
        """
        super().__init__()
        self.train = train
        self.val = val
        self.test = test
        self.tokenizer = tokenizer
        self.collate = Collate(tokenizer)
        self.batch_size = batch_size
        self.workers = workers
        self.seed = seed
        self.grouping = grouping
        self.padding = padding
        self.progress: Progress | None = None  # in the epoch that was resumed
        # Ids of the images of each test set that an interrupted evaluation has already evaluated.
        self.done: Mapping[str, Collection[int]] = {}

    def _ranks(self) -> tuple[int, int]:
        """This process's rank and the number of processes."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _layout(self) -> Layout:
        """How this run lays out the order of an epoch that it begins."""
        return Layout(self._ranks()[1], self.batch_size, self.grouping)

    def _progress(self, epoch: int) -> Progress:
        """How the batches of an epoch are counted."""
        if self.progress is not None and self.progress.epoch == epoch:
            return self.progress
        return Progress.from_start(epoch, self._layout())

    def _position(self) -> Position:
        """The epoch, and how many samples of it all ranks have been trained on."""
        if self.trainer is None:
            return self._progress(0).at(0)
        batches = self.trainer.fit_loop.epoch_loop.batch_progress.current.completed
        return self._progress(self.trainer.current_epoch).at(batches)

    def _steps(self) -> tuple[int, int, float]:
        """Batches in an optimizer step, those of the epoch that are trained on, and all of them."""
        if self.trainer is None:
            return 1, 0, float("inf")
        done = self.trainer.fit_loop.epoch_loop.batch_progress.current.completed
        return self.trainer.accumulate_grad_batches, done, self.trainer.num_training_batches

    def state_dict(self) -> dict[str, Any]:
        """How batches are counted, for a run with other processes or another batch size."""
        return self._progress(self.trainer.current_epoch if self.trainer else 0).state()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over how the batches of a checkpoint's epoch are counted."""
        self.progress = Progress.of_state(state_dict)

    def resume_epoch(self, epoch: int, counters: MutableMapping[str, Any]) -> None:
        """Continue an epoch at the same sample, whoever trained its first part.

        `counters` are Lightning's of the batches in the checkpoint, which are translated. Older
        checkpoints do not say how they count: their processes and batch size must be the present
        ones.
        """
        if self.progress is None:
            self.progress = Progress.from_start(epoch, self._layout()._replace(grouping="none"))
        if not counters["current"]["processed"] or self.progress.epoch != epoch:
            self.progress = None
            return
        length = Mixture(list(self.train.values())).epoch_length()
        batches = len(self.train_dataloader())
        self.progress = self.progress.continued(counters, self._layout(), length, batches)

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches of the mixture; an incomplete last batch is left out unless it is the only one.

        A run resumed in the middle of an epoch continues with the samples it has not seen.
        """
        mixture = Mixture(list(self.train.values()))
        sampler = MixtureSampler(mixture, self.seed, self._ranks(), self.batch_size, self._position)
        return LateLoader(
            self._steps,
            mixture,
            self.batch_size,
            sampler=sampler,
            collate_fn=Collate(self.tokenizer, True, self.padding),
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
