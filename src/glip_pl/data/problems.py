"""Bad items of a source: raised at once, tolerated up to a share, or collected."""

import logging
from dataclasses import dataclass, field

from glip_pl.errors import UserError

log = logging.getLogger(__name__)

SHOWN = 3
"""Number of examples kept of each kind of problem, and of notes of each kind that are logged."""

PATIENCE = 100
"""Number of bad items before their share is judged: the first items say little about the rest."""


@dataclass
class Problems:
    """Counts problems by kind and keeps the first of each; `tolerate` is the allowed share.

    With 0 the first error is raised; with 1 no error is ever raised, and all are collected.
    """

    tolerate: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    errors: int = 0

    def error(self, kind: str, message: str, seen: int | None = None) -> None:
        """Count a bad item that is skipped.

        Raises UserError if too many of the `seen` items are bad.
        """
        if self.tolerate == 0:
            raise UserError(message)
        log.warning("%s: %s", kind, message)
        self._count(kind, message)
        self.errors += 1
        if seen is not None and self.errors > PATIENCE:
            self.judge(seen)

    def note(self, kind: str, message: str) -> None:
        """Count and log something that is left out or changed without being an error."""
        if self.counts.get(kind, 0) < SHOWN:
            log.warning("%s: %s", kind, message)
        self._count(kind, message)

    def leave_out(self, kind: str, message: str) -> None:
        """Count something that is always left out; only the summary mentions it."""
        self._count(kind, message)

    def _count(self, kind: str, message: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        examples = self.examples.setdefault(kind, [])
        if len(examples) < SHOWN:
            examples.append(message)

    def judge(self, seen: int) -> None:
        """Raise UserError if more than the tolerated share of `seen` items was bad."""
        if self.tolerate < 1 and self.errors > self.tolerate * seen:
            listing = "\n  ".join(lines[0] for lines in self.examples.values())
            raise UserError(
                f"{self.errors} of {seen} items are bad, more than the share tolerate="
                f"{self.tolerate} of this dataset; the first of each kind:\n  {listing}"
            )

    def summary(self) -> str:
        """Kinds and counts of problems in one line; empty if there are none."""
        return ", ".join(f"{count} x {kind}" for kind, count in sorted(self.counts.items()))
