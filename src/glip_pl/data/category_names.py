"""What a category may be called."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from glip_pl.data.problems import Problems


def category_name(value: Any) -> str:
    """The name in an annotation file as text. Raises ValueError if it says nothing, such as null.

    Numbers are names too, as of digits.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        shown = "null" if value is None else repr(value)[:60]
        raise ValueError(f"a category is called {shown}, which is no text")
    if not str(value).strip():
        raise ValueError("the name of a category is empty")
    return str(value)


def note_repeated(names: Sequence[str], source: str, problems: Problems) -> None:
    """Note names that several categories have: no prompt can tell these apart."""
    for name, count in Counter(name.strip() for name in names).items():
        if count > 1:
            problems.note(
                "repeated category name",
                f"{source}: {count} categories are called {name!r}, which no prompt can tell apart",
            )
