"""What is wrong with a dataset: raised at once, tolerated up to a share, or collected."""

import logging
from dataclasses import dataclass, field

from glip_pl.errors import UserError

log = logging.getLogger(__name__)

SHOWN = 3
"""Examples kept of each kind of problem; of mere notes no more are logged."""

PATIENCE = 100
"""Bad items before a share is judged: the first of a file say little about the rest."""


@dataclass
class Problems:
    """Counts problems by kind and keeps the first of each; `tolerate` is the allowed share.

    With 0 the first error is raised; with 1 none ever is, and all are collected.
    """

    tolerate: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    errors: int = 0

    def error(self, kind: str, message: str, seen: int | None = None) -> None:
        """One bad item that is skipped. Raises UserError if it is one too many of `seen` items."""
        if self.tolerate == 0:
            raise UserError(message)
        log.warning("%s: %s", kind, message)
        self._count(kind, message)
        self.errors += 1
        if seen is not None and self.errors > PATIENCE:
            self.judge(seen)

    def note(self, kind: str, message: str) -> None:
        """Something left out that does not count against the dataset."""
        if self.counts.get(kind, 0) < SHOWN:
            log.warning("%s: %s", kind, message)
        self._count(kind, message)

    def leave_out(self, kind: str, message: str) -> None:
        """Something that is always left out; told in the sum alone."""
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
        """Kinds and counts in one line; empty if all is well."""
        return ", ".join(f"{count} x {kind}" for kind, count in sorted(self.counts.items()))
