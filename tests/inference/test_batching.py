from collections.abc import Sequence

from glip_pl.inference.batching import WINDOW, in_batches, in_windows


def test_only_equal_kinds_share_a_batch_and_the_order_stays() -> None:
    calls: list[list[str]] = []

    def compute(batch: Sequence[str]) -> list[str]:
        calls.append(list(batch))
        return [word.upper() for word in batch]

    window = ["a", "bb", "c", "dd", "e"]
    pairs = list(in_batches([window, ["f"]], len, lambda word: 2, compute))
    assert pairs == [(word, word.upper()) for word in [*window, "f"]]
    assert calls == [["a", "c"], ["bb", "dd"], ["e"], ["f"]]


def test_a_batch_is_computed_when_its_first_item_is_due() -> None:
    calls: list[list[str]] = []

    def compute(batch: Sequence[str]) -> Sequence[str]:
        calls.append(list(batch))
        return batch

    found = in_batches([["a", "b", "c"]], lambda word: 0, lambda word: 1, compute)
    next(found)
    assert calls == [["a"]]


def test_windows_are_limited_by_number_and_by_memory() -> None:
    few = list(in_windows(range(2 * WINDOW + 1), lambda item: 0))
    assert [len(window) for window in few] == [WINDOW, WINDOW, 1]
    large = list(in_windows(range(5), lambda item: 1 << 25))
    assert large == [[0, 1], [2, 3], [4]]
    assert list(in_windows(range(2), lambda item: 1 << 40)) == [[0], [1]]  # one is always taken
