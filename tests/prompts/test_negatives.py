import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glip_pl.prompts.negatives import CategorySampler


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 12))
def test_prompts_hold_positives_once_and_stay_in_the_budget(
    seed: int, budget: int, longest: int
) -> None:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, longest + 1, 20).tolist()
    present = random.choice(20, size=5, replace=False).tolist()
    order = CategorySampler(max_negatives=10, budget=budget)(present, lengths, random)
    assert len(set(order)) == len(order)
    assert sum(lengths[i] for i in order) <= budget
    if sum(lengths[i] for i in present) <= budget:
        assert set(present) <= set(order)


def test_order_and_negatives_vary() -> None:
    sampler = CategorySampler(max_negatives=10)
    orders = [sampler([0, 1], [2] * 40, np.random.default_rng(seed)) for seed in range(20)]
    assert len({tuple(order) for order in orders}) == 20
    assert len({len(order) for order in orders}) > 3


def test_half_of_the_prompts_have_all_negatives() -> None:
    sampler = CategorySampler(max_negatives=30)
    random = np.random.default_rng(0)
    full = sum(len(sampler([], [1] * 40, random)) == 30 for _ in range(400))
    assert 180 < full < 250  # of the others, every thirtieth is full by chance


def test_negatives_are_first_drawn_from_what_is_absent() -> None:
    sampler = CategorySampler(max_negatives=3, full_probability=1.0)
    absent = np.asarray([5, 7, 11, 30])
    random = np.random.default_rng(0)
    drawn = [sampler([2], [1] * 40, random, absent) for _ in range(50)]
    assert all(len(order) == 4 and set(order) <= {2, *absent.tolist()} for order in drawn)
    assert {one for order in drawn for one in order} == {2, *absent.tolist()}
    few = [sampler([2], [1] * 40, random, absent[:1]) for _ in range(50)]
    assert all(5 in order and 3 <= len(order) <= 4 for order in few)
    assert len({one for order in few for one in order}) > 30  # the others are any
