"""Mixes weighted datasets into one, shuffles it anew every epoch and splits it over ranks."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from glip_pl.data.dataset import GroundedDataset
from glip_pl.types import Sample

WINDOW = 10_000
"""Number of samples of shards that are shuffled among each other; a shard holds about as many."""


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset, and its number of copies in an epoch; a fraction stands for a random part."""

    dataset: GroundedDataset
    weight: float = 1.0

    @property
    def sharded(self) -> bool:
        """Whether its pictures lie in several shards, which are best read as a whole."""
        return len(self.dataset.blocks) > 2

    def epoch_length(self) -> int:
        """Samples in one epoch."""
        return round(self.weight * len(self.dataset))

    def epoch(self, random: np.random.Generator) -> NDArray[np.int64]:
        """Sample indices of one epoch; every copy is complete before the next one begins.

        Whole shards stay together, in random order, so that each is read once and in one piece.
        """
        copies = [self._copy(random) for _ in range(math.ceil(self.weight))]
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate([none, *copies])[: self.epoch_length()]

    def _copy(self, random: np.random.Generator) -> NDArray[np.int64]:
        if not self.sharded:
            return random.permutation(len(self.dataset))
        blocks = self.dataset.blocks
        order = random.permutation(len(blocks) - 1)
        return np.concatenate([np.arange(blocks[block], blocks[block + 1]) for block in order])


class Draw(NamedTuple):
    """A sample of an epoch, and the seed of all that is random in it."""

    sample: int  # index into the mixture
    seed: tuple[int, int, int]  # the run's seed, the epoch, the position in the epoch


class Mixture(Dataset[Sample]):
    """The samples of all sources, concatenated; a `MixtureSampler` draws from them."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        lengths = [len(source.dataset) for source in sources]
        self.starts = np.concatenate([[0], np.cumsum(lengths)]).tolist()

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, drawn: Draw) -> Sample:
        # A sample depends on its draw alone, not on the worker that makes it or on what was drawn
        # before: a resumed run sees exactly the samples of an uninterrupted run.
        source = bisect_right(self.starts, drawn.sample) - 1
        random = np.random.default_rng(drawn.seed)
        return self.sources[source].dataset.sample(drawn.sample - self.starts[source], random)

    def epoch_length(self) -> int:
        """Samples in one epoch."""
        return sum(source.epoch_length() for source in self.sources)

    def epoch(self, random: np.random.Generator, world_size: int = 1) -> NDArray[np.int64]:
        """Sample indices of one epoch: every source `weight` times, in random order.

        Rank r of `world_size` is meant to take every world_size-th index, starting with the r-th.
        Of sharded sources each rank then gets consecutive shards of its own, shuffled in windows.
        """
        lengths = [source.epoch_length() for source in self.sources]
        owner = random.permutation(np.repeat(np.arange(len(lengths), dtype=np.int16), lengths))
        order = np.empty(len(owner), dtype=np.int64)
        for number, source in enumerate(self.sources):
            positions = np.flatnonzero(owner == number)
            indices = source.epoch(random) + self.starts[number]
            if source.sharded:
                # A stable sort: the positions of one rank after those of another, each in order.
                positions = positions[np.argsort(positions % world_size, kind="stable")]
                _shuffle_in_windows(indices, np.bincount(positions % world_size), random)
            order[positions] = indices
        return order


def _shuffle_in_windows(
    indices: NDArray[np.int64], shares: NDArray[np.int64], random: np.random.Generator
) -> None:
    """Shuffle each rank's share in place: in windows, then in windows shifted by half a window.

    `shares` holds the number of indices of each rank.
    """
    start = 0
    for share in shares:
        of_rank = indices[start : start + share]
        for shift in (0, WINDOW // 2):
            for first in range(shift, len(of_rank), WINDOW):
                random.shuffle(of_rank[first : first + WINDOW])
        start += share


class MixtureSampler(Sampler[Draw]):
    """One rank's share of every epoch; the same seed and epoch give the same share.

    Ranks take turns, so that the joint batch of R ranks with b samples each equals the batch of one
    process with R * b samples (except for shards, of which each rank has its own). Samples that
    remain when the epoch does not divide by R are left out.
    """

    def __init__(
        self,
        mixture: Mixture,
        seed: int,
        rank: int,
        world_size: int,
        position: Callable[[], tuple[int, int]],
    ) -> None:
        """`position` returns the epoch, and how many samples of it this rank has already seen.

        It is called when an iteration begins, because a resumed run knows its position only then.
        """
        self.mixture = mixture
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.position = position

    def __len__(self) -> int:
        return self.mixture.epoch_length() // self.world_size

    def __iter__(self) -> Iterator[Draw]:
        epoch, seen = self.position()
        order = self.mixture.epoch(np.random.default_rng((self.seed, epoch)), self.world_size)
        positions = range(self.rank, len(self) * self.world_size, self.world_size)
        for position in positions[seen:]:
            yield Draw(int(order[position]), (self.seed, epoch, position))


class ShareSampler(Sampler[int]):
    """One rank's share of some samples, in order; every rank gets at least one sample.

    A rank without samples would never reach the point where all ranks join their results. An image
    that several ranks evaluate counts once.
    """

    def __init__(self, samples: Sequence[int], rank: int, world_size: int) -> None:
        self.indices = samples[rank::world_size] or samples[rank % len(samples) :][:1]

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)
