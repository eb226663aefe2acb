"""Progress with the time left: a bar on a terminal, and elsewhere a log line at intervals."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.markup import escape
from rich.progress import track

log = logging.getLogger(__name__)

Item = TypeVar("Item")

INTERVAL = 30.0
"""Seconds between two lines, and before the first one."""


class ProgressLine:
    """Logs the progress of a job where output goes to a file; nothing on a terminal."""

    def __init__(
        self, interval: float = INTERVAL, delay: float = INTERVAL, already_done: int = 0
    ) -> None:
        """Start the clock; a line is due after `delay` seconds and then every `interval` seconds.

        `already_done` is the progress before this start, if an interrupted job is continued.
        """
        self.interval = interval
        self.already_done = already_done
        self.started = time.monotonic()
        self.next = self.started + delay

    def update(self, done: int, total: int, what: str, details: str = "") -> None:
        """Log a line if it is due: "`what` `done` of `total``details`, about ... min left"."""
        now = time.monotonic()
        if sys.stdout.isatty() or now < self.next:
            return
        self.next = now + self.interval
        seconds = (now - self.started) * (total - done) / max(1, done - self.already_done)
        log.info("%s %d of %d%s, about %.0f min left", what, done, total, details, seconds / 60)


def with_progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield all items and show the progress of the loop; `what` names an item: "picture"."""
    line = ProgressLine()
    bar = track(items, escape(what), total, disable=not sys.stdout.isatty(), transient=True)
    for done, item in enumerate(bar, start=1):
        yield item
        line.update(done, total, what)
