"""The k-shot subset is the official one, and a seed draws another."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.few_shot import FewShot
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.errors import UserError


@pytest.fixture
def index(world: Path, indexes: Path) -> Index:
    reader = CocoJson(world / "annotations/detection.json", world / "images/detection")
    return open_index(reader, indexes)


def shown(index: Index, rows: np.ndarray) -> Counter[int]:
    """The number of pictures of each category."""
    return Counter(category for row in rows for category in set(index.targets[int(row)].tolist()))


def official(index: Index, count: int) -> list[int]:
    """The rule as the official GLIP code has it."""
    left = dict.fromkeys(range(len(index.names)), count)
    taken = []
    for row in range(len(index)):
        categories = set(index.targets[row].tolist())
        if any(left[category] > 0 for category in categories):
            taken.append(row)
            for category in categories:
                left[category] -= 1
    return taken


@pytest.mark.parametrize("count", [1, 3])
def test_without_a_seed_pictures_are_taken_in_the_order_of_their_ids(
    index: Index, count: int
) -> None:
    rows = FewShot(count).rows(index, np.arange(len(index)))
    assert rows.tolist() == official(index, count)
    assert len(rows) < len(index)
    everywhere = shown(index, np.arange(len(index)))
    for category, pictures in shown(index, rows).items():
        assert pictures >= min(count, everywhere[category])


def test_a_seed_draws_the_same_pictures_again_and_another_seed_others(index: Index) -> None:
    rows = np.arange(len(index))
    three, thirty = (FewShot(1, seed).rows(index, rows).tolist() for seed in (3, 30))
    assert three == FewShot(1, 3).rows(index, rows).tolist() == sorted(three)
    assert three != thirty
    assert FewShot().rows(index, rows) is rows


def test_shots_are_of_categories(world: Path, indexes: Path) -> None:
    captions = MdetrJson(world / "annotations/captions.json", world / "images/captions")
    with pytest.raises(UserError, match="this source has captions"):
        FewShot(1).rows(open_index(captions, indexes), np.arange(2))
    with pytest.raises(UserError, match="shots=0 must be a number from 1 on"):
        FewShot(0)
