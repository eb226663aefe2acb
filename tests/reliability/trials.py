"""Uses damaged files within limits of time and memory, and counts what comes of it."""

import logging
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from glip_pl.errors import UserError
from tests.reliability.mutations import Mutation

SECONDS = 10.0
"""Longest time that a damaged file may take."""

BYTES = 3 << 30
"""Address space that a damaged file may take in addition to what the process has."""

OUTCOMES = ("read equal", "read different", "told", "traceback", "too long", "silent")
"""Columns of the table. `silent`: different without a word where that must be noticed."""

FAILURES = ("traceback", "too long", "silent")


class TooLong(BaseException):
    """No subclass of Exception, so that no handler takes it for a broken file."""


@dataclass(frozen=True)
class Subject:
    """Files of one kind, and what is read from them."""

    kind: str
    files: Sequence[Path]  # of which one is damaged at a time
    use: Callable[[], object]  # reads all; what it returns can be compared
    mutations: Sequence[Mutation]
    guarded: Sequence[Mutation] = ()  # after which another result must be told
    clean: Callable[[], object] = lambda: None  # forgets what `use` keeps


@dataclass
class Campaign:
    """Counts by kind and outcome, and the failures as texts to reproduce them."""

    seed: int
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def run(self, subject: Subject, inputs: int) -> None:
        """Damage a file of the subject so many times, and use it each time."""
        originals = {path: path.read_bytes() for path in subject.files}
        subject.clean()
        truth = repr(subject.use())
        counter = self.counts.setdefault(subject.kind, Counter())
        for number in range(inputs):
            random = Random(f"{self.seed} {subject.kind} {number}")
            path = random.choice(list(originals))
            mutation = random.choice(list(subject.mutations))
            path.write_bytes(mutation(originals[path], random))
            subject.clean()
            outcome, detail = tried(subject.use, truth, mutation in subject.guarded)
            counter[outcome] += 1
            if outcome in FAILURES:
                name = getattr(mutation, "__name__", mutation)
                self.failures.append(f"{subject.kind} {number} {path.name} {name}: {detail}")
            for file, content in originals.items():
                file.write_bytes(content)
        subject.clean()

    def table(self) -> str:
        """A Markdown table with a row for each kind."""
        return table(self.counts, "kind")


def table(counts: dict[str, Counter[str]], title: str) -> str:
    """A Markdown table of outcomes, with the sum of all rows."""
    rows = {**counts, "all": sum(counts.values(), Counter())}
    lines = [f"| {title} | inputs | {' | '.join(OUTCOMES)} |", "| --- " * (len(OUTCOMES) + 2) + "|"]
    for kind, counter in rows.items():
        numbers = " | ".join(str(counter[outcome]) for outcome in OUTCOMES)
        lines.append(f"| {kind} | {counter.total()} | {numbers} |")
    return "\n".join(lines)


def tried(use: Callable[[], object], truth: str, guarded: bool) -> tuple[str, str]:
    """The outcome of using damaged files, and what to know of a failure."""
    started = time.monotonic()
    with heard() as records:
        try:
            with within_limits():
                found = repr(use())
        except UserError as error:
            outcome = ("told", str(error)) if str(error) else ("traceback", "an empty message")
        except TooLong:
            outcome = ("too long", f"more than {SECONDS} s")
        except Exception:  # everything else would be a traceback for the user
            outcome = ("traceback", traceback.format_exc(limit=-4))
        else:
            outcome = judged(found, truth, bool(records), guarded)
    if time.monotonic() - started > SECONDS:
        outcome = ("too long", f"{time.monotonic() - started:.1f} s")
    return outcome


def judged(found: str, truth: str, warned: bool, guarded: bool) -> tuple[str, str]:
    """The outcome of a reading that raised nothing."""
    if found == truth:
        return ("read equal", "")
    if warned:
        return ("told", "")
    return (
        ("silent", f"{found[:300]} instead of {truth[:300]}")
        if guarded
        else (
            "read different",
            "",
        )
    )


class _Collector(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.records.append(record)


@contextmanager
def heard() -> Iterator[list[logging.LogRecord]]:
    """Collects the warnings that are logged, and keeps them from the terminal."""
    handler = _Collector(logging.WARNING)
    records = handler.records
    root = logging.getLogger()
    before, root.handlers = root.handlers, [handler]
    try:
        yield records
    finally:
        root.handlers = before


@contextmanager
def within_limits() -> Iterator[None]:
    """Raises TooLong after SECONDS, and MemoryError beyond BYTES more than now."""

    def stop(*_: Any) -> None:
        raise TooLong

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, limits[1]))
    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        resource.setrlimit(resource.RLIMIT_AS, limits)
