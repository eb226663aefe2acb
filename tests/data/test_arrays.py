import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glip_pl.data.arrays import Ragged, Strings


@given(st.lists(st.text(), max_size=20))
def test_strings_come_back(texts: list[str]) -> None:
    packed = Strings.of(texts)
    assert [packed[i] for i in range(len(packed))] == texts


@given(st.lists(st.integers(0, 5), max_size=40))
def test_rows_are_grouped_by_owner_in_order(owners: list[int]) -> None:
    values = np.arange(len(owners))
    grouped = Ragged.from_owners(values, np.asarray(owners, dtype=np.int64), 6)
    assert len(grouped) == 6
    for owner in range(6):
        expected = [value for value, one in enumerate(owners) if one == owner]
        assert grouped[owner].tolist() == expected
    assert grouped.lengths().sum() == len(owners)
