"""Rivals: phrases that share their head noun, such as "red car" and "blue car"."""

from collections.abc import Sequence


def rival_groups(phrases: Sequence[str]) -> list[int]:
    """A number for each phrase, which rivals have in common.

    The head noun is the last word, in any case. A phrase of a single word has no rivals: "car" is
    true of a red car, too.
    """
    groups: dict[tuple[str, ...], int] = {}
    keys = []
    for position, phrase in enumerate(phrases):
        words = phrase.casefold().split()
        keys.append((words[-1],) if len(words) > 1 else ("", str(position)))
    return [groups.setdefault(key, len(groups)) for key in keys]
