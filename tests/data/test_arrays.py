import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glip_pl.data.arrays import Ragged, Strings, offsets_of


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=20))
def test_texts_are_returned_unchanged(texts: list[str]) -> None:
    encoded = [text.encode() for text in texts]
    lengths = np.asarray([len(text) for text in encoded], dtype=np.int64)
    packed = Strings(Ragged(np.frombuffer(b"".join(encoded), np.uint8), offsets_of(lengths)))
    assert [packed[i] for i in range(len(packed))] == texts


@given(st.lists(st.integers(0, 5), max_size=40))
def test_rows_have_their_lengths(lengths: list[int]) -> None:
    offsets = offsets_of(np.asarray(lengths, dtype=np.int64))
    rows = Ragged(np.arange(sum(lengths)), offsets)
    assert [len(rows[row]) for row in range(len(rows))] == lengths == rows.lengths().tolist()
    assert [value for row in range(len(rows)) for value in rows[row]] == list(range(sum(lengths)))
