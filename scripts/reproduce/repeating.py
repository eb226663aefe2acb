"""Runs the command of an entry in a folder of its own and compares what it measured."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from glip_pl.errors import UserError
from glip_pl.files.hashing import key_of, sha256_of
from glip_pl.files.reading import read_json
from glip_pl.files.writing import write_json
from scripts.reproduce.entries import Entry
from scripts.reproduce.measured import OUTPUT
from scripts.reproduce.page import ROOT
from scripts.reproduce.places import FOLDER, filled, needs
from scripts.reproduce.tolerances import Tolerance, tolerance_of

CODE = ("src", "conf", "scripts")
"""Folders whose files a command depends on."""

ERRORS = "errors.txt"
"""The file of what a command prints as errors and progress."""

SAME, MOVED, FAILED, SKIPPED = "same", "moved", "failed", "skipped"
"""Verdicts on figures and entries."""

_DONE = "done.json"


@dataclass(frozen=True)
class Comparison:
    """A figure as it was recorded and as it was measured."""

    recorded: float
    measured: float
    tolerance: Tolerance

    @property
    def verdict(self) -> str:
        """Whether the measured figure counts as the recorded one."""
        return SAME if self.tolerance.accepts(self.measured, self.recorded) else MOVED


@dataclass(frozen=True)
class Outcome:
    """What became of an entry, and why if it gave no figures."""

    verdict: str
    reason: str = ""
    minutes: float = 0.0
    figures: Mapping[str, Comparison] = field(default_factory=dict)


def code_state(root: Path = ROOT) -> str:
    """A hash of the code, without this package, which changes no figure."""
    files = [path for name in CODE for path in _sources(root / name)]
    return key_of({str(path.relative_to(root)): sha256_of(path) for path in files})


def folder_of(entry: Entry, output: Path, places: Mapping[str, Path], code: str) -> Path:
    """The folder of an entry with this command, these inputs and this code."""
    inputs = {name: _identity(places[name]) for name in needs(entry.command)}
    key = key_of({"command": entry.command, "inputs": inputs, "code": code})
    return output.resolve() / entry.id / key


def finished(folder: Path) -> bool:
    """Whether the command ran to its end in this folder."""
    return (folder / _DONE).is_file()


def repeat(
    entry: Entry, folder: Path, places: Mapping[str, Path], page: Mapping[str, str]
) -> Outcome:
    """Run the command, unless it ran to its end there before, and compare its figures."""
    try:
        recorded = entry.recorded_values(page)
        if not finished(folder):
            _run(entry, folder, places)
        measured = entry.measured_values(folder)
    except UserError as error:
        return Outcome(FAILED, str(error))
    figures = {
        name: Comparison(value, measured[name], tolerance_of(name, entry.tolerance))
        for name, value in recorded.items()
    }
    moved = any(figure.verdict == MOVED for figure in figures.values())
    minutes = read_json(folder / _DONE)["minutes"]
    return Outcome(MOVED if moved else SAME, "", minutes, figures)


def _run(entry: Entry, folder: Path, places: Mapping[str, Path]) -> None:
    """Run the command in a shell. Raises UserError if it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    command = filled(entry.command, {**places, FOLDER: folder})
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    started = monotonic()
    with (folder / OUTPUT).open("w") as output, (folder / ERRORS).open("w") as errors:
        process = subprocess.run(
            ["sh", "-ec", command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**os.environ, "PATH": programs},
        )
    if process.returncode:
        raise UserError(
            f"the command ended with exit code {process.returncode}: see {folder / ERRORS}"
        )
    minutes = (monotonic() - started) / 60
    write_json(folder / _DONE, {"command": command, "minutes": minutes})


def _sources(folder: Path) -> Iterable[Path]:
    own = Path(__file__).parent
    return (
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".py", ".yaml") and own not in path.parents
    )


def _identity(path: Path) -> str:
    """A hash of a file, as another one may be at its place; a folder is known by its path."""
    return sha256_of(path) if path.is_file() else str(path)
