from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.sampling import Mixture, MixtureSampler, ShareSampler, Source


class Blank(GroundedDataset):
    """A dataset of `length` samples without content, in shards of `shard` samples."""

    def __init__(self, length: int, shard: int | None = None) -> None:
        self.length = length
        self.starts = [*range(0, length, shard or length), length]

    def __len__(self) -> int:
        return self.length

    @property
    def blocks(self) -> NDArray[np.int64]:
        return np.asarray(self.starts, dtype=np.int64)


def mixture() -> Mixture:
    return Mixture([Source(Blank(10), 2), Source(Blank(8), 0.5), Source(Blank(4), 1)])


def test_weights_are_copies_per_epoch() -> None:
    order = mixture().epoch(np.random.default_rng(0)).tolist()
    counts = Counter(order)
    assert [counts[i] for i in range(10)] == [2] * 10
    assert sum(counts[i] for i in range(10, 18)) == 4
    assert max(counts[i] for i in range(10, 18)) == 1
    assert [counts[i] for i in range(18, 22)] == [1] * 4
    assert len(order) == mixture().epoch_length() == 28


def sampler(rank: int = 0, ranks: int = 1, position: tuple[int, int] = (0, 0)) -> MixtureSampler:
    return MixtureSampler(mixture(), 5, rank, ranks, lambda: position)


def test_ranks_take_turns_in_an_epoch() -> None:
    alone = list(sampler())
    shares = [list(sampler(rank, 3)) for rank in range(3)]
    assert [len(share) for share in shares] == [9, 9, 9]
    assert [share[i] for i in range(9) for share in shares] == alone[:27]


def test_epochs_differ_and_repeat() -> None:
    assert list(sampler()) == list(sampler())
    assert [draw.sample for draw in sampler()] != [draw.sample for draw in sampler(position=(1, 0))]


def test_every_position_of_an_epoch_has_a_seed_of_its_own() -> None:
    seeds = [drawn.seed for rank in range(2) for drawn in sampler(rank, 2)]
    assert len(set(seeds)) == 28


def sharded(rank: int, ranks: int) -> list[int]:
    mixed = Mixture([Source(Blank(50)), Source(Blank(400, shard=20))])
    return [drawn.sample for drawn in MixtureSampler(mixed, 0, rank, ranks, lambda: (0, 0))]


def test_ranks_have_shards_of_their_own() -> None:
    shares = [sharded(rank, 3) for rank in range(3)]
    assert sorted(sample for share in shares for sample in share) == list(range(450))
    shards = [{(sample - 50) // 20 for sample in share if sample >= 50} for share in shares]
    # Twenty shards, of which two are cut where one rank's part ends and the next one begins.
    assert sum(map(len, shards)) <= 20 + 2
    for share in shares:
        own = [sample for sample in share if sample >= 50]
        assert own != sorted(own)


def test_shards_are_read_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glip_pl.data.sampling.WINDOW", 20)
    order = [(sample - 50) // 20 for sample in sharded(0, 1) if sample >= 50]
    for shard in range(20):
        positions = [position for position, owner in enumerate(order) if owner == shard]
        assert positions[-1] - positions[0] < 60  # its own 20 and a window on either side


def test_a_resumed_epoch_continues_where_it_was_interrupted() -> None:
    whole = list(sampler(1, 2, (3, 0)))
    assert list(sampler(1, 2, (3, 8))) == whole[8:]
    assert len(sampler(1, 2, (3, 8))) == len(whole)  # Lightning counts from the epoch's start


def test_evaluation_counts_every_sample_once() -> None:
    shares = [list(ShareSampler(range(10), rank, 4)) for rank in range(4)]
    assert sorted(index for share in shares for index in share) == list(range(10))


def test_every_rank_evaluates_a_sample() -> None:
    assert [list(ShareSampler([7, 9], rank, 4)) for rank in range(4)] == [[7], [9], [7], [9]]
