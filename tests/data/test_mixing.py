from collections import Counter

import numpy as np
import torch
from torch.utils.data import Dataset

from glip_pl.data.mixing import Mixture, MixtureSampler, ShareSampler, Source
from glip_pl.types import Prompt, Sample


class Blank(Dataset[Sample]):
    """So many empty samples."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        none = torch.zeros(0, 4)
        return Sample(none, none, none, Prompt("", ()), index, (1, 1))


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


def test_ranks_share_an_epoch_in_turns() -> None:
    alone = list(sampler())
    shares = [list(sampler(rank, 3)) for rank in range(3)]
    assert [len(share) for share in shares] == [9, 9, 9]
    assert [share[i] for i in range(9) for share in shares] == alone[:27]


def test_epochs_differ_and_repeat() -> None:
    assert list(sampler()) == list(sampler())
    assert list(sampler()) != list(sampler(position=(1, 0)))


def test_a_resumed_epoch_goes_on() -> None:
    whole = list(sampler(1, 2, (3, 0)))
    assert list(sampler(1, 2, (3, 8))) == whole[8:]
    assert len(sampler(1, 2, (3, 8))) == len(whole)  # Lightning counts from the epoch's start


def test_evaluation_counts_every_sample_once() -> None:
    shares = [list(ShareSampler(10, rank, 4)) for rank in range(4)]
    assert sorted(index for share in shares for index in share) == list(range(10))
