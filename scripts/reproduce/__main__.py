"""Repeats figures of docs/results.md and compares them with the recorded ones.

Without arguments, lists what can be repeated. Every entry runs in a folder of its own, and an
entry that ran to its end with the same code, command and inputs is only compared again. The exit
code is 1 if a figure moved or a command failed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from glip_pl.errors import UserError
from glip_pl.terminal.closed_output import ends_with_its_reader
from scripts.reproduce.entries import Entry, read_entries, read_not_repeated
from scripts.reproduce.page import RESULTS, sections
from scripts.reproduce.places import BASE, local_places
from scripts.reproduce.repeating import (
    FAILED,
    MOVED,
    SKIPPED,
    Outcome,
    code_state,
    finished,
    folder_of,
    repeat,
)
from scripts.reproduce.report import REPORT, absent, lines, listing, summary, write_report


@ends_with_its_reader()
def main() -> None:
    options = read_options()
    try:
        entries = read_entries()
        if options.all or options.quick or options.entries:
            sys.exit(repeat_all(_chosen(entries, options), entries, options))
        for line in listing(entries, read_not_repeated(), local_places(options.base)):
            print(line)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C: the same command continues", file=sys.stderr)
        sys.exit(130)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.reproduce", description=__doc__)
    parser.add_argument("entries", nargs="*", help="names of entries")
    parser.add_argument("--all", action="store_true", help="all entries: hours")
    parser.add_argument("--quick", action="store_true", help="the quick entries: minutes")
    parser.add_argument("--base", type=Path, help="a checkpoint of experiment=shapes_pretrain")
    parser.add_argument("--output", type=Path, default=Path("runs/reproduce"))
    return parser.parse_args()


def repeat_all(
    chosen: Sequence[Entry], entries: Sequence[Entry], options: argparse.Namespace
) -> int:
    """Repeat the chosen entries, print and write what became of them; returns the exit code."""
    page, code = sections(RESULTS.read_text()), code_state()
    outcomes: dict[str, Outcome] = {}
    for entry in chosen:
        base = options.base or _trained(entries, options.output, code)
        places = local_places(base)
        missing = absent(entry, places)
        if missing:
            outcomes[entry.id] = Outcome(SKIPPED, missing)
        else:
            folder = folder_of(entry, options.output, places, code)
            print(f"{entry.id}: about {entry.minutes:g} min, output in {folder}", flush=True)
            outcomes[entry.id] = repeat(entry, folder, places, page)
        print("\n".join(lines(entry, outcomes[entry.id])), flush=True)
        write_report(options.output / REPORT, outcomes, code)
    print("\n".join(summary(outcomes)))
    print(f"report: {options.output / REPORT}")
    return int(any(outcome.verdict in (MOVED, FAILED) for outcome in outcomes.values()))


def _chosen(entries: Sequence[Entry], options: argparse.Namespace) -> list[Entry]:
    """The entries that are asked for, in their order. Raises UserError for an unknown name."""
    unknown = set(options.entries) - {entry.id for entry in entries}
    if unknown:
        raise UserError(
            f"no entry {', '.join(sorted(unknown))}: python -m scripts.reproduce lists all"
        )
    return [
        entry
        for entry in entries
        if options.all or entry.id in options.entries or (options.quick and entry.quick)
    ]


def _trained(entries: Sequence[Entry], output: Path, code: str) -> Path | None:
    """The checkpoint of the entry `base`, if it ran with this code."""
    for entry in entries:
        folder = folder_of(entry, output, {}, code) if entry.id == BASE else None
        if folder is not None and finished(folder):
            return folder / "checkpoints" / "best.ckpt"
    return None


if __name__ == "__main__":
    main()
