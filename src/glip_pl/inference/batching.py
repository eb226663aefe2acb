"""Puts what is alike into one batch, within a limit, and keeps the order."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Output = TypeVar("Output")

WINDOW = 16
"""Most pictures that are decoded at a time."""

WINDOW_PIXELS = 1 << 26
"""Pixels of the pictures that are decoded at a time, about 200 MB, unless one alone has more."""


def in_batches(
    windows: Iterable[Sequence[Item]],
    kind: Callable[[Item], Hashable],
    most: Callable[[Item], int],
    compute: Callable[[Sequence[Item]], Sequence[Output]],
) -> Iterator[tuple[Item, Output]]:
    """Each item with its output, in the order of the items.

    Only items of a window with equal `kind` share a batch, `most` of them.
    """
    for window in windows:
        batches = _batches(window, kind, most)
        outputs: dict[int, Output] = {}
        for number, item in enumerate(window):
            if number not in outputs:  # computed when it is needed, so that the first come early
                batch = batches[number]
                outputs.update(zip(batch, compute([window[one] for one in batch]), strict=True))
            yield item, outputs.pop(number)


def _batches(
    window: Sequence[Item], kind: Callable[[Item], Hashable], most: Callable[[Item], int]
) -> dict[int, list[int]]:
    """The batch of each item, as positions in the window."""
    alike: dict[Hashable, list[int]] = {}
    for number, item in enumerate(window):
        alike.setdefault(kind(item), []).append(number)
    batches: dict[int, list[int]] = {}
    for numbers in alike.values():
        count = max(1, most(window[numbers[0]]))
        for start in range(0, len(numbers), count):
            batch = numbers[start : start + count]
            batches.update(dict.fromkeys(batch, batch))
    return batches


def in_windows(items: Iterable[Item], pixels: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Lists of consecutive items; `pixels` are those that an item holds in memory."""
    window: list[Item] = []
    held = 0
    for item in items:
        size = pixels(item)
        if window and (len(window) == WINDOW or held + size > WINDOW_PIXELS):
            yield window
            window, held = [], 0
        window.append(item)
        held += size
    if window:
        yield window
