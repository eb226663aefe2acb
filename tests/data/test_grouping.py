"""Which pictures share a batch, and how much of it is padding."""

import numpy as np
import pytest
from numpy.typing import NDArray

from glip_pl.data.grouping import FARTHEST, Grouping, Layout, arrange, groups_of
from glip_pl.data.transforms import target_size


def test_square_counts_as_tall() -> None:
    sizes = np.asarray([[480, 640], [640, 480], [500, 500]], dtype=np.int32)
    assert groups_of(sizes, "orientation").tolist() == [0, 1, 1]


def test_shape_groups_are_of_about_one_aspect_ratio() -> None:
    sizes = np.asarray([[480, 640], [375, 500], [427, 640], [640, 480], [1, 9000]], dtype=np.int32)
    landscape, same, wide, portrait, panorama = groups_of(sizes, "shape").tolist()
    assert landscape == same == -portrait
    assert landscape < wide < panorama == FARTHEST


def test_batches_of_one_group_stand_where_their_last_sample_stood() -> None:
    order = np.arange(10, 20, dtype=np.int32)
    groups = np.asarray([0, 1, 0, 1, 1, 0, 0, 0, 1, 0], dtype=np.int8)
    arranged = arrange(order, groups, Layout(1, 2, "orientation"))
    assert arranged.tolist() == [10, 12, 11, 13, 15, 16, 14, 18, 17, 19]


def test_samples_that_fill_no_batch_of_their_group_stand_last() -> None:
    groups = np.asarray([1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1], dtype=np.int8)
    arranged = arrange(np.arange(11, dtype=np.int32), groups, Layout(1, 3, "orientation"))
    assert arranged.tolist() == [1, 2, 3, 0, 4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("ranks", [1, 3])
def test_arranging_keeps_the_samples_of_every_rank(ranks: int) -> None:
    random = np.random.default_rng(0)
    order = random.permutation(101).astype(np.int32)
    layout = Layout(ranks, 4, "orientation")
    arranged = arrange(order, random.integers(0, 2, 101).astype(np.int8), layout)
    assert sorted(arranged) == sorted(order)
    whole = 101 // ranks // 4 * 4
    steps = arranged[: whole * ranks].reshape(-1, ranks, 4)
    for rank in range(ranks):
        assert set(steps[:, rank].ravel()) <= set(order[rank::ranks])


def photographs(count: int) -> NDArray[np.int32]:
    """Heights and widths as they occur in COCO: most 640 wide, a quarter upright."""
    random = np.random.default_rng(0)
    usual = np.asarray([[480, 640], [427, 640], [640, 480], [640, 427], [375, 500], [640, 640]])
    sizes = usual[random.choice(6, count, p=[0.34, 0.27, 0.14, 0.1, 0.12, 0.03])]
    return np.asarray(sizes * random.uniform(0.92, 1.08, (count, 2)), dtype=np.int32)


def padding(grouping: Grouping, batch: int = 4) -> float:
    """Padded area over the area of the pictures, in batches padded to multiples of 32."""
    sizes = photographs(8000)
    groups = groups_of(sizes, grouping)
    order = np.arange(len(sizes), dtype=np.int32)
    if grouping != "none":
        order = arrange(order, groups, Layout(1, batch, grouping))
    random = np.random.default_rng(1)
    shorts = random.choice([480, 560, 640, 720, 800], len(sizes))
    if grouping == "shape":
        shorts = np.repeat(shorts[::batch], batch)
    scaled = [
        target_size(int(height), int(width), int(short), 1333)
        for (height, width), short in zip(sizes[order], shorts, strict=True)
    ]
    shapes = np.asarray(scaled).reshape(-1, batch, 2)
    padded = -(-shapes.max(1) // 32) * 32
    return float(padded.prod(1).sum() * batch / shapes.prod(2).sum())


def test_groups_save_padding() -> None:
    none, orientation, shape = (padding(name) for name in ("none", "orientation", "shape"))
    print(f"padded / true area: none {none:.2f}, orientation {orientation:.2f}, shape {shape:.2f}")
    assert none > orientation + 0.1 > shape + 0.2
    assert shape < 1.2
