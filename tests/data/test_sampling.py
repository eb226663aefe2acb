from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.grouping import Grouping, Layout
from glip_pl.data.sampling import (
    Draw,
    Mixture,
    MixtureSampler,
    Position,
    ShareSampler,
    Source,
    turns,
)


class Blank(GroundedDataset):
    """A dataset of `length` samples without content, in shards of `shard` samples."""

    def __init__(self, length: int, shard: int | None = None) -> None:
        self.length = length
        sizes = np.random.default_rng(length).integers(300, 640, (length, 2), dtype=np.int32)
        self.records = SimpleNamespace(  # type: ignore[assignment]  # what mixtures ask for
            index=SimpleNamespace(sizes=sizes, folder=f"{length}"), rows=np.arange(length)
        )
        self.starts = [*range(0, length, shard or length), length]

    def __len__(self) -> int:
        return self.length

    @property
    def remote(self) -> bool:
        return self.length == 500

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


def sampler(rank: int = 0, ranks: int = 1, epoch: int = 0, seen: int = 0) -> MixtureSampler:
    position = Position(epoch, seen, Layout(ranks))
    return MixtureSampler(mixture(), 5, (rank, ranks), 1, lambda: position)


def test_ranks_take_turns_in_an_epoch() -> None:
    alone = list(sampler())
    shares = [list(sampler(rank, 3)) for rank in range(3)]
    assert [len(share) for share in shares] == [9, 9, 9]
    assert [share[i] for i in range(9) for share in shares] == alone[:27]


def test_epochs_differ_and_repeat() -> None:
    assert list(sampler()) == list(sampler())
    assert [draw.sample for draw in sampler()] != [draw.sample for draw in sampler(epoch=1)]


def test_every_position_of_an_epoch_has_a_seed_of_its_own() -> None:
    seeds = [drawn.seed for rank in range(2) for drawn in sampler(rank, 2)]
    assert len(set(seeds)) == 28


def sharded(rank: int, ranks: int) -> list[int]:
    mixed = Mixture([Source(Blank(50)), Source(Blank(400, shard=20))])
    position = Position(0, 0, Layout(ranks))
    return [drawn.sample for drawn in MixtureSampler(mixed, 0, (rank, ranks), 1, lambda: position)]


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
    whole = list(sampler(1, 2, epoch=3))
    assert list(sampler(1, 2, epoch=3, seen=16)) == whole[8:]
    assert len(sampler(1, 2, epoch=3, seen=16)) == len(whole)  # Lightning counts from the start


def test_orders_of_earlier_versions_stay() -> None:
    """Checkpoints of earlier versions are resumed in the middle of an epoch."""
    alone = mixture().epoch(np.random.default_rng((5, 3)))
    assert alone.tolist() == [
        *(5, 3, 1, 19, 4, 0, 8, 16, 18, 10, 2, 6, 7, 9, 6, 1, 4, 7, 21, 11, 2, 3, 15, 0, 20),
        *(9, 8, 5),
    ]
    sharded = Mixture([Source(Blank(3)), Source(Blank(12, shard=3), 2)])
    assert sharded.epoch(np.random.default_rng((5, 3)), Layout(2)).tolist() == [
        *(9, 2, 0, 6, 7, 9, 1, 10, 13, 14, 14, 7, 8, 5, 3, 11, 6, 3, 12, 4, 11, 13, 5, 12, 4),
        *(8, 10),
    ]


Change = tuple[int, int, int]
"""Ranks, batch size of each, and steps until the next change."""


def joint_batches(
    mixed: Mixture, changes: list[Change], layout: Layout, seen: int = 0
) -> list[list[Draw]]:
    """The joint batches of an epoch whose ranks and batch size change; it ends with the last."""
    batches = []
    for ranks, batch, steps in [*changes, (changes[0][0], changes[0][1], 10**6)]:
        position = Position(0, seen, layout)
        shares = [
            list(MixtureSampler(mixed, 0, (rank, ranks), batch, lambda at=position: at))  # type: ignore[misc]  # mypy does not infer the lambda's default
            for rank in range(ranks)
        ]
        for step in range(min(steps, len(shares[0]) // batch)):
            window = slice(step * batch, (step + 1) * batch)
            batches.append([drawn for share in shares for drawn in share[window]])
            seen += ranks * batch
    return batches


@pytest.mark.parametrize("grouping", ["none", "orientation", "shape"])
@pytest.mark.parametrize("shard", [None, 30])
def test_changes_of_ranks_and_batch_size_repeat_and_skip_nothing(
    grouping: Grouping, shard: int | None
) -> None:
    mixed = Mixture([Source(Blank(1000)), Source(Blank(500, shard))])
    random = np.random.default_rng(0)
    for _ in range(8):
        changes = [tuple(random.integers((1, 1, 0), (9, 6, 30)).tolist()) for _ in range(4)]
        layout = Layout(changes[0][0], changes[0][1], grouping)
        batches = joint_batches(mixed, changes, layout)
        seen = [drawn.sample for batch in batches for drawn in batch]
        assert len(set(seen)) == len(seen)
        assert len(mixed) - len(seen) < layout.ranks * layout.batch  # an incomplete last batch
        seeds = [drawn.seed[2] for batch in batches for drawn in batch]
        assert sorted(seeds) == list(range(len(seen)))  # a prefix of the epoch at any time


def test_the_joint_batch_is_that_of_one_process() -> None:
    mixed = Mixture([Source(Blank(1000))])
    for grouping in ("none", "orientation"):
        layout = Layout(4, 2, grouping)
        eight = joint_batches(mixed, [(8, 1, 20)], layout)
        two = joint_batches(mixed, [(2, 4, 20)], layout)
        for one, other in zip(eight[:20], two[:20], strict=True):
            assert sorted(one) == sorted(other)


def test_a_batch_of_a_rank_has_one_orientation() -> None:
    mixed = Mixture([Source(Blank(1000)), Source(Blank(500, 30))])
    groups = mixed.groups("orientation")
    assert 300 < groups.sum() < 1200
    position = Position(0, 0, Layout(4, 8, "orientation"))
    mixed_batches = 0
    for rank in range(4):
        share = [d.sample for d in MixtureSampler(mixed, 0, (rank, 4), 8, lambda: position)]
        kinds = groups[share[: len(share) // 8 * 8]].reshape(-1, 8)
        mixed_batches += int((kinds.min(1) != kinds.max(1)).sum())
    assert mixed_batches <= 4 * 2  # the last ones of each rank


def test_a_batch_of_one_shape_has_one_scale() -> None:
    position = Position(0, 0, Layout(2, 5, "shape"))
    mixed = Mixture([Source(Blank(200))])
    scales = [d.scale for d in MixtureSampler(mixed, 0, (1, 2), 5, lambda: position)]
    batches = np.asarray(scales).reshape(-1, 5)
    assert (batches == batches[:, :1]).all()
    assert len(np.unique(batches)) == len(batches)


def test_shards_that_are_needed_soon_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glip_pl.data.sampling.AHEAD", 20)
    position = Position(0, 0, Layout(2))
    mixed = Mixture([Source(Blank(500, 30))])
    share = list(MixtureSampler(mixed, 0, (1, 2), 1, lambda: position))
    assert [drawn.ahead for drawn in share[:-20]] == [drawn.sample for drawn in share[20:]]
    assert {drawn.ahead for drawn in share[-20:]} == {None}
    assert {drawn.ahead for drawn in sampler()} == {None}  # nothing there is remote


def test_turns() -> None:
    assert list(turns(3, 14, 1, 2, 1)) == [4, 6, 8, 10, 12]
    assert list(turns(0, 11, 1, 2, 2)) == [2, 3, 6, 7, 9]


def test_evaluation_counts_every_sample_once() -> None:
    shares = [list(ShareSampler(range(10), rank, 4)) for rank in range(4)]
    assert sorted(index for share in shares for index in share) == list(range(10))


def test_every_rank_evaluates_a_sample() -> None:
    assert [list(ShareSampler([7, 9], rank, 4)) for rank in range(4)] == [[7], [9], [7], [9]]
