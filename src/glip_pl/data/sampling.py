"""Several datasets as one, each with a weight, shuffled anew every epoch and split over ranks."""

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
"""Samples of shards that are shuffled among each other; about what one shard holds."""


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset and how many copies of it an epoch holds; fractions draw a random part."""

    dataset: GroundedDataset
    weight: float = 1.0

    @property
    def sharded(self) -> bool:
        """Whether its pictures lie in files that are best read as a whole."""
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
        return np.concatenate([np.arange(blocks[one], blocks[one + 1]) for one in order])


class Draw(NamedTuple):
    """One sample of an epoch, and where its randomness comes from."""

    sample: int  # in the mixture
    seed: tuple[int, int, int]  # of the run, the epoch, the place in it


class Mixture(Dataset[Sample]):
    """All sources one behind the other; a `MixtureSampler` draws from it."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        lengths = [len(source.dataset) for source in sources]
        self.starts = np.concatenate([[0], np.cumsum(lengths)]).tolist()

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, drawn: Draw) -> Sample:
        # Which worker makes a sample, and what it made before, does not matter: a resumed run
        # sees the very samples that it would have seen.
        source = bisect_right(self.starts, drawn.sample) - 1
        random = np.random.default_rng(drawn.seed)
        return self.sources[source].dataset.sample(drawn.sample - self.starts[source], random)

    def epoch_length(self) -> int:
        """Samples in one epoch."""
        return sum(source.epoch_length() for source in self.sources)

    def epoch(self, random: np.random.Generator, world_size: int = 1) -> NDArray[np.int64]:
        """Sample indices of one epoch, every source `weight` times, at random places.

        Rank r of `world_size` is to take every world_size-th from the r-th on. Each rank finds a
        run of shards of its own there, shuffled within windows.
        """
        lengths = [source.epoch_length() for source in self.sources]
        owner = random.permutation(np.repeat(np.arange(len(lengths), dtype=np.int16), lengths))
        order = np.empty(len(owner), dtype=np.int64)
        for number, source in enumerate(self.sources):
            places = np.flatnonzero(owner == number)
            indices = source.epoch(random) + self.starts[number]
            if source.sharded:
                # Stable: ranks one after the other, each with its places in order.
                places = places[np.argsort(places % world_size, kind="stable")]
                _shuffle_in_windows(indices, np.bincount(places % world_size), random)
            order[places] = indices
        return order


def _shuffle_in_windows(
    indices: NDArray[np.int64], shares: NDArray[np.int64], random: np.random.Generator
) -> None:
    """Shuffle each share in place, in windows and in windows shifted by a half."""
    start = 0
    for share in shares:
        mine = indices[start : start + share]
        for shift in (0, WINDOW // 2):
            for first in range(shift, len(mine), WINDOW):
                random.shuffle(mine[first : first + WINDOW])
        start += share


class MixtureSampler(Sampler[Draw]):
    """One rank's share of every epoch, the same for the same seed and epoch.

    Ranks take turns, so that the joint batch of R ranks of b is what one process with R * b sees
    (but for shards, of which every rank has its own). The remainder that does not divide by the
    ranks is left for another epoch.
    """

    def __init__(
        self,
        mixture: Mixture,
        seed: int,
        rank: int,
        world_size: int,
        position: Callable[[], tuple[int, int]],
    ) -> None:
        """`position` tells the epoch, and how many samples of it this rank has seen already.

        It is asked whenever an iteration begins: a resumed run knows its place only then.
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
        places = range(self.rank, len(self) * self.world_size, self.world_size)
        for place in places[seen:]:
            yield Draw(int(order[place]), (self.seed, epoch, place))


class ShareSampler(Sampler[int]):
    """One rank's share of some samples, in order; every rank has one at least.

    A rank with nothing to do would never come to the place where all join their results; the
    evaluators count an image once whoever saw it.
    """

    def __init__(self, samples: Sequence[int], rank: int, world_size: int) -> None:
        self.indices = samples[rank::world_size] or samples[rank % len(samples) :][:1]

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)
