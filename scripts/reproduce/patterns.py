"""Figures in a text, found by patterns: `| seen | {AP of seen} | {} |`.

A name in braces stands for a number with this name, `{}` for a number without one, `{*}` for any
text within a line. A space stands for any space, also for the end of a line; all else is literal.
"""

import re
from collections.abc import Iterator, Sequence

from glip_pl.errors import UserError

NUMBER = r"-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?"
"""A number as the results write it: 3,444 or 87.8 or 5.1e-6."""

_PLACE = re.compile(r"\{([^}]*)\}")


def names(pattern: str) -> list[str]:
    """The names in a pattern, in their order."""
    return [name for name in _PLACE.findall(pattern) if name not in ("", "*")]


def found(text: str, patterns: Sequence[str], where: str) -> dict[str, str]:
    """The numbers in a text by name, as they are written.

    Raises UserError, which calls the text `where`, if a pattern does not occur exactly once.
    """
    written: dict[str, str] = {}
    for pattern in patterns:
        match = _only(text, pattern, where)
        written |= dict(zip(names(pattern), match.groups(), strict=True))
    return written


def spans(text: str, patterns: Sequence[str], where: str) -> Iterator[tuple[int, int]]:
    """Where the patterns begin and end in a text. Raises UserError as `found` does."""
    for pattern in patterns:
        yield _only(text, pattern, where).span()


def number(written: str) -> float:
    """The value of a number that NUMBER matches."""
    return float(written.replace(",", ""))


def _only(text: str, pattern: str, where: str) -> re.Match[str]:
    matches = list(re.finditer(_expression(pattern), text))
    if len(matches) != 1:
        raise UserError(
            f"{where} has {len(matches)} places of the form {pattern!r}, not one: correct this "
            "pattern in scripts/reproduce/figures.yaml"
        )
    return matches[0]


def _expression(pattern: str) -> str:
    """The regular expression of a pattern, with a group for each name."""
    texts = _PLACE.split(pattern)
    parts = [_literal(texts[0])]
    for name, text in zip(texts[1::2], texts[2::2], strict=True):
        parts.append({"": NUMBER, "*": ".*?"}.get(name, f"({NUMBER})"))
        parts.append(_literal(text))
    return "".join(parts)


def _literal(text: str) -> str:
    return r"\s+".join(map(re.escape, re.split(r"\s+", text)))
