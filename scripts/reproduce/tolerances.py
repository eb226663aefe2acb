"""How far a figure may be from the recorded one.

`2` is a distance, `20 %` a share of the recorded value, and `at most 1e-4` a limit, for errors
that are noise of rounding.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from glip_pl.errors import UserError
from scripts.reproduce.patterns import NUMBER, number

LIMIT = "at most "
PERCENT = " %"

_FORM = re.compile(rf"({LIMIT})?({NUMBER})({PERCENT})?")


@dataclass(frozen=True)
class Tolerance:
    """A distance, a share of the recorded value (`relative`), or the largest value (`limit`)."""

    size: float
    relative: bool = False
    limit: bool = False

    def accepts(self, measured: float, recorded: float) -> bool:
        """Whether a value counts as the recorded one."""
        if self.limit:
            return measured <= self.size
        allowed = self.size * abs(recorded) if self.relative else self.size
        return abs(measured - recorded) <= allowed + 1e-9

    def __str__(self) -> str:
        if self.limit:
            return f"{LIMIT}{self.size:g}"
        return f"± {100 * self.size:g}{PERCENT}" if self.relative else f"± {self.size:g}"


def read_tolerance(written: Any) -> Tolerance:
    """A tolerance from its text. Raises UserError for another form."""
    match = _FORM.fullmatch(str(written))
    if match is None or (match[1] and match[3]):
        raise UserError(
            f"tolerance {written!r}: write a distance (2), a share (20 %) or a limit (at most 1e-4)"
        )
    size = number(match[2])
    return Tolerance(size / 100 if match[3] else size, bool(match[3]), bool(match[1]))


def tolerance_of(name: str, tolerances: Mapping[str, Tolerance]) -> Tolerance:
    """The tolerance of the first key that stands for the name; `*` in a key is any text.

    Raises UserError if there is none.
    """
    for key, tolerance in tolerances.items():
        if fnmatchcase(name, key):
            return tolerance
    raise UserError(f"no tolerance for {name!r}: add it, or `*`, in scripts/reproduce/figures.yaml")
