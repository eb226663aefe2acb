"""Progress with the time left: a bar on a terminal, and elsewhere a line now and then."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import track

log = logging.getLogger(__name__)

Item = TypeVar("Item")

INTERVAL = 30.0
"""Seconds between two lines."""


class ProgressLine:
    """Logs how far a job is where no progress bar is shown: in files, and under a scheduler."""

    def __init__(
        self, interval: float = INTERVAL, delay: float = INTERVAL, already_done: int = 0
    ) -> None:
        """A line every `interval` seconds, the first one after a `delay`.

        The clock starts now; `already_done` is what a resumed job had done before.
        """
        self.interval = interval
        self.already_done = already_done
        self.started = time.monotonic()
        self.next = self.started + delay

    def update(self, done: int, total: int, what: str, details: str = "") -> None:
        """Log "`what` `done` of `total``details`" and the time left, if a line is due."""
        now = time.monotonic()
        if sys.stdout.isatty() or now < self.next:
            return
        self.next = now + self.interval
        seconds = (now - self.started) * (total - done) / max(1, done - self.already_done)
        log.info("%s %d of %d%s, about %.0f min left", what, done, total, details, seconds / 60)


def with_progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield the items and show how far the loop is; `what` names an item, such as "picture"."""
    line = ProgressLine()
    bar = track(items, what, total, disable=not sys.stdout.isatty(), transient=True)
    for done, item in enumerate(bar, start=1):
        yield item
        line.update(done, total, what)
