"""Several datasets as one, each with a weight, shuffled anew every epoch and split over ranks."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import ConcatDataset, Dataset, Sampler

from glip_pl.types import Sample


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset and how many copies of it an epoch holds; fractions draw a random part."""

    dataset: Dataset[Sample]
    weight: float = 1.0


class Mixture(ConcatDataset[Sample]):
    """All sources one behind the other; a `MixtureSampler` picks from it."""

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__([source.dataset for source in sources])
        self.weights = [source.weight for source in sources]

    def epoch_length(self) -> int:
        """Samples in one epoch."""
        sizes = [len(dataset) for dataset in self.datasets]  # type: ignore[arg-type]  # all sized
        return sum(
            math.floor(weight) * size + round((weight - math.floor(weight)) * size)
            for size, weight in zip(sizes, self.weights, strict=True)
        )

    def epoch(self, random: np.random.Generator) -> NDArray[np.int64]:
        """Shuffled sample indices of one epoch, every source `weight` times."""
        parts, start = [], 0
        for end, weight in zip(self.cumulative_sizes, self.weights, strict=True):
            rows = np.arange(start, end)
            copies = math.floor(weight)
            extra = round((weight - copies) * len(rows))
            parts += [rows] * copies + [random.permutation(rows)[:extra]]
            start = end
        return random.permutation(np.concatenate(parts))


class MixtureSampler(Sampler[int]):
    """One rank's share of every epoch, the same for the same seed and epoch.

    Ranks take turns, so that the joint batch of R ranks of b is what one process with R * b sees.
    The remainder that does not divide by the ranks is left for another epoch.
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

    def __iter__(self) -> Iterator[int]:
        epoch, seen = self.position()
        order = self.mixture.epoch(np.random.default_rng((self.seed, epoch)))
        mine = order[self.rank : len(self) * self.world_size : self.world_size]
        return iter(mine[seen:].tolist())


class ShareSampler(Sampler[int]):
    """One rank's share of an evaluation set, in order; without padding nothing counts twice."""

    def __init__(self, length: int, rank: int, world_size: int) -> None:
        self.indices = range(rank, length, world_size)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)
