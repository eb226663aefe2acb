"""What is printed and written about entries and their outcomes."""

import os
import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from glip_pl.files.writing import write_json
from scripts.reproduce.entries import Entry, NotRepeated
from scripts.reproduce.places import ADVICE, needs
from scripts.reproduce.repeating import MOVED, SAME, Outcome

REPORT = "reproduce.json"


def listing(
    entries: Sequence[Entry], left: Sequence[NotRepeated], present: Mapping[str, Path]
) -> Iterator[str]:
    """Lines that say what can be repeated, how long it takes, and what nobody can repeat."""
    yield "Figures of docs/results.md that a command repeats (minutes on two CPU cores):"
    for entry in entries:
        quick = "quick" if entry.quick else ""
        wanted = [
            f"<{name}>" + ("" if name in present else " (absent)") for name in needs(entry.command)
        ]
        yield f"  {entry.id:<22}{entry.minutes:5g} min  {quick:<6} {entry.what}"
        if wanted:
            yield f"{'':<43}needs {', '.join(wanted)}"
    yield ""
    yield "Figures that none repeats:"
    for one in left:
        part = "" if one.part is None else f", {one.part!r}"
        yield f"  {one.section}{part}: {one.why}"
    yield ""
    yield "python -m scripts.reproduce <name> ..., --quick or --all repeats them."


def lines(entry: Entry, outcome: Outcome) -> Iterator[str]:
    """Lines that say what became of an entry."""
    about = outcome.reason or f"{outcome.minutes:.1f} min"
    yield f"{entry.id} ({entry.section}): {outcome.verdict}, {about}"
    width = max(map(len, outcome.figures), default=0)
    for name, figure in outcome.figures.items():
        yield (
            f"  {name:<{width}}  recorded {figure.recorded:<8g} measured {figure.measured:<8.4g} "
            f"{figure.tolerance!s:<14} {figure.verdict}"
        )


def summary(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Lines that count the figures and name the entries that are not the same."""
    verdicts = Counter(
        figure.verdict for outcome in outcomes.values() for figure in outcome.figures.values()
    )
    yield f"{verdicts[SAME]} figures are the same, {verdicts[MOVED]} moved"
    for name, outcome in outcomes.items():
        moved = [key for key, figure in outcome.figures.items() if figure.verdict == MOVED]
        if outcome.verdict != SAME:
            yield f"  {name} {outcome.verdict}: {outcome.reason or ', '.join(moved)}"


def absent(entry: Entry, present: Mapping[str, Path]) -> str:
    """What an entry needs that is not on this machine; empty if nothing is missing."""
    missing = [name for name in needs(entry.command) if name not in present]
    return "; ".join(f"needs <{name}>, {ADVICE[name]}" for name in missing)


def write_report(path: Path, outcomes: Mapping[str, Outcome], code: str) -> None:
    """Write reproduce.json: the machine, the hash of the code and the outcome of each entry."""
    machine = {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        "python": platform.python_version(),
        "torch": version("torch"),
    }
    entries = {name: _plain(outcome) for name, outcome in outcomes.items()}
    write_json(path, {"machine": machine, "code": code, "entries": entries})


def _plain(outcome: Outcome) -> dict[str, Any]:
    figures = {
        name: {
            "recorded": figure.recorded,
            "measured": figure.measured,
            "tolerance": str(figure.tolerance),
            "verdict": figure.verdict,
        }
        for name, figure in outcome.figures.items()
    }
    fields = {"verdict": outcome.verdict, "reason": outcome.reason, "minutes": outcome.minutes}
    return {**fields, "figures": figures}
