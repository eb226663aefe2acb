"""Mixes weighted datasets into one, shuffles it anew every epoch and splits it over ranks.

An epoch is one sequence, which all ranks work through together: it is continued at any place by any
number of ranks with any batch size.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.grouping import Grouping, Layout, arrange, groups_of
from glip_pl.data.shared_array import shared_array
from glip_pl.types import Sample

ALONE = Layout()
"""The order of a single process."""

AHEAD = 2000
"""How many samples of a rank before a sample its shard is fetched, if that is remote."""

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
    scale: float | None = None  # of [0, 1): which short side the whole batch has; None: its own
    ahead: int | None = None  # a sample of remote data that this rank draws later


class Position(NamedTuple):
    """Where a training stands."""

    epoch: int
    seen: int  # samples of the epoch that all ranks together have been trained on
    layout: Layout  # of the epoch's order


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
        if drawn.ahead is not None:
            source = bisect_right(self.starts, drawn.ahead) - 1
            self.sources[source].dataset.prefetch(drawn.ahead - self.starts[source])
        source = bisect_right(self.starts, drawn.sample) - 1
        random = np.random.default_rng(drawn.seed)
        dataset = self.sources[source].dataset
        return dataset.sample(drawn.sample - self.starts[source], random, drawn.scale)

    @property
    def remote(self) -> bool:
        """Whether pictures of any source have to be fetched."""
        return any(source.dataset.remote for source in self.sources)

    def epoch_length(self) -> int:
        """Samples in one epoch."""
        return sum(source.epoch_length() for source in self.sources)

    def epoch(self, random: np.random.Generator, layout: Layout = ALONE) -> NDArray[np.int32]:
        """Sample indices of one epoch: every source `weight` times, in random order.

        The ranks of the `layout` take turns. Of sharded sources each rank then gets consecutive
        shards of its own, shuffled in windows.
        """
        lengths = [source.epoch_length() for source in self.sources]
        owner = random.permutation(np.repeat(np.arange(len(lengths), dtype=np.int16), lengths))
        order = np.empty(len(owner), dtype=np.int32)
        for number, source in enumerate(self.sources):
            positions = np.flatnonzero(owner == number)
            indices = source.epoch(random) + self.starts[number]
            if source.sharded:
                # A stable sort: the positions of one rank after those of another, each in order.
                ranks = positions % layout.ranks
                positions = positions[np.argsort(ranks, kind="stable")]
                _shuffle_in_windows(indices, np.bincount(ranks), random)
            order[positions] = indices
        if layout.grouping != "none":
            order = arrange(order, self.groups(layout.grouping)[order], layout)
        return order

    def groups(self, grouping: Grouping) -> NDArray[np.int8]:
        """The group (N,) of each sample's picture."""
        datasets = [source.dataset for source in self.sources]
        return np.concatenate(
            [groups_of(dataset.index.sizes[dataset.rows], grouping) for dataset in datasets]
        )

    def key(self) -> str:
        """What decides the order of an epoch, beside seed, epoch and layout."""
        return repr(
            [
                (str(source.dataset.index.folder), len(source.dataset), source.weight)
                for source in self.sources
            ]
        )


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
    process with R * b samples (except for shards, of which each rank has its own). What is left
    where an epoch does not divide by R is left out.
    """

    def __init__(
        self,
        mixture: Mixture,
        seed: int,
        ranks: tuple[int, int],
        batch: int,
        position: Callable[[], Position],
    ) -> None:
        """`ranks` are this process's rank and the number of processes; `batch` is of one process.

        `position` is called when an iteration begins, because a resumed run knows its position
        only then.
        """
        self.mixture = mixture
        self.seed = seed
        self.rank, self.world_size = ranks
        self.batch = batch
        self.position = position

    def __len__(self) -> int:
        return self.mixture.epoch_length() // self.world_size

    def __iter__(self) -> Iterator[Draw]:
        epoch, seen, layout = self.position()
        order = self._order(epoch, layout)
        unit = 1 if layout.grouping == "none" else self.batch
        share = (seen, len(order), self.rank, self.world_size, unit)
        later = turns(*share) if self.mixture.remote else iter(())
        for position, ahead in zip_longest(turns(*share), islice(later, AHEAD, None)):
            yield Draw(
                int(order[position]),
                (self.seed, epoch, position),
                self._scale(epoch, position // layout.batch)
                if layout.grouping == "shape"
                else None,
                None if ahead is None else int(order[ahead]),
            )

    def _order(self, epoch: int, layout: Layout) -> NDArray[np.int32]:
        """The order of an epoch, which the processes of a machine share if it is long."""
        return shared_array(
            (self.mixture.key(), self.seed, layout),
            epoch,
            self.mixture.epoch_length(),
            lambda: self.mixture.epoch(np.random.default_rng((self.seed, epoch)), layout),
        )

    def _scale(self, epoch: int, batch: int) -> float:
        """The random number of a batch, the same for all of its samples."""
        return float(np.random.default_rng((self.seed, epoch, batch, 1)).random())


def turns(start: int, end: int, rank: int, ranks: int, unit: int) -> Iterator[int]:
    """A rank's positions in [start, end): `unit` neighbouring ones of every ranks * unit.

    Each rank gets the same number; the last turn is shorter than `unit` if this does not divide it.
    """
    share = (end - start) // ranks
    whole = share // unit * unit
    for first in range(start + rank * unit, start + whole * ranks, unit * ranks):
        yield from range(first, first + unit)
    rest = share - whole
    first = start + whole * ranks + rank * rest
    yield from range(first, first + rest)


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
