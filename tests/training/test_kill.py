"""A training that is killed at any moment ends, when resumed, as if nothing had happened.

GLIP_KILLS=60 pytest tests/training/test_kill.py -m slow -s prints the table of docs/reliability.md.
"""

import csv
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from tests.conftest import SMALL
from tests.training.commands import Command, KilledInSave, nothing, run

KILLS = int(os.environ.get("GLIP_KILLS", 6))
"""How many trainings the campaign cuts."""

SIGNALS = {
    "SIGKILL": [signal.SIGKILL],
    "SIGTERM": [signal.SIGTERM],
    "Ctrl-C": [signal.SIGINT],
    "Ctrl-C twice": [signal.SIGINT, signal.SIGINT],
    "SIGKILL in a save": [],
}
"""What cuts a training, in turn; the last is done by the training itself."""

CODES = {
    "SIGKILL": {-signal.SIGKILL},
    "SIGTERM": {128 + signal.SIGTERM, -signal.SIGTERM},  # the second before the training starts
    "Ctrl-C": {128 + signal.SIGINT},
    "Ctrl-C twice": {128 + signal.SIGINT},
    "SIGKILL in a save": {-signal.SIGKILL},
}
"""Exit codes of a training that did not end by itself."""

STEPS, SAVES = 12, 8
"""Optimizer steps and saved checkpoints of the whole training."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="reads the CPU time of processes from /proc"
)


@pytest.fixture(scope="module")
def words(world: Path, tiny: list[str]) -> list[str]:
    """Two epochs with a moving average, dropout, flips, a validation after each, and saves."""
    return [
        *("experiment=shapes_pretrain", *SMALL, *tiny, f"data.root={world}", "data.test=null"),
        *("data.batch_size=4", "data.train_transform.flip=0.5", "data.val.seen.limit=2"),
        *("trainer.max_epochs=2", "callbacks.ema.decay=0.9", "callbacks.last.every_steps=2"),
        *("callbacks.pictures=null", "callbacks.parts=null", "resume=auto"),
    ]


@dataclass(frozen=True)
class Whole:
    """The training that nothing cuts."""

    folder: Path
    cpu: float  # seconds


@pytest.fixture(scope="module")
def whole(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    end = run(Command("glip_pl.train", [*words, f"hydra.run.dir={folder}"], folder))
    assert end.code == 0, (folder / "log.txt").read_text()
    assert checkpoint(folder, "last")["global_step"] == STEPS
    return Whole(folder, end.cpu)


def checkpoint(folder: Path, name: str) -> dict[str, Any]:
    return dict(torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True))


def logged(folders: Sequence[Path]) -> dict[str, dict[int, set[str]]]:
    """All that the attempts of a training have logged for each step: losses and validations."""
    found: dict[str, dict[int, set[str]]] = {"train/loss": {}, "val/AP": {}}
    for path in (path for folder in folders for path in folder.rglob("metrics.csv")):
        with path.open() as file:
            for row in csv.DictReader(file):
                for name in found:
                    if row.get(name):
                        found[name].setdefault(int(row["step"]), set()).add(row[name])
    return found


def unequal(expected: Any, found: Any, name: str) -> Iterator[str]:
    """Names of the values of nested data that differ in any bit."""
    if isinstance(expected, dict):
        if not isinstance(found, dict) or expected.keys() != found.keys():
            yield name
            return
        for key, value in expected.items():
            yield from unequal(value, found[key], f"{name}.{key}")
    elif isinstance(expected, list | tuple):
        if len(expected) != len(found):
            yield name
            return
        for number, pair in enumerate(zip(expected, found, strict=True)):
            yield from unequal(*pair, f"{name}.{number}")
    elif isinstance(expected, torch.Tensor):
        if not torch.equal(expected, found):
            yield name
    elif expected != found:
        yield name


COMPARED = ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers", "global_step")
"""Entries of checkpoints: the moving average, the weights, the moments, the rates, the step."""


def differences(whole: Path, folders: Sequence[Path]) -> list[str]:
    """What differs between the whole training and one in several attempts, the last one last."""
    found: list[str] = []
    for name in ("last", "best"):
        made = [folder for folder in folders if (folder / f"checkpoints/{name}.ckpt").is_file()]
        one, other = checkpoint(whole, name), checkpoint(made[-1], name)
        for key in COMPARED:
            found += unequal(one[key], other[key], f"{name}.{key}")
    before, after = logged([whole]), logged(folders)
    for name, values in before.items():
        found += [f"{name} at {step}" for step, at in after[name].items() if at != values.get(step)]
    return found


@dataclass(frozen=True)
class Cut:
    """How one training is cut, and how it continues."""

    kind: str
    share: float  # of the CPU time of the whole training
    nth: int  # the save that is cut
    where: str  # in that save
    workers: int
    in_new_folder: bool

    @classmethod
    def drawn(cls, number: int) -> "Cut":
        """The cut with a number."""
        random = Random(number)
        return cls(
            kind=list(SIGNALS)[number % len(SIGNALS)],
            share=random.uniform(0.35, 1),  # before that it prepares
            nth=random.randint(1, SAVES),
            where=random.choice(["half written", "before it replaces", "after it has replaced"]),
            workers=random.choice([0, 0, 0, 2]),
            in_new_folder=random.random() < 0.5,
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a training that was cut."""

    cut: Cut
    code: int  # the exit code of the attempt that was cut
    resumed_from: int | None  # the step; None if nothing had been saved
    wrong: list[str] = field(default_factory=list)


def cut_and_resumed(cut: Cut, words: list[str], whole: Whole, folder: Path) -> Outcome:
    """Train, cut the training, resume it, and compare it with the whole one."""
    folder.mkdir()
    first = [*words, f"hydra.run.dir={folder}", f"data.workers={cut.workers}"]
    change: Callable[[], object] = nothing
    if not SIGNALS[cut.kind]:
        change = KilledInSave(cut.nth, cut.where)
    command = Command("glip_pl.train", first, folder, change)
    end = run(command, SIGNALS[cut.kind], cut.share * whole.cpu)
    last, folders = folder / "checkpoints/last.ckpt", [folder]
    step = checkpoint(folder, "last")["global_step"] if last.is_file() else None
    if cut.in_new_folder and step is not None:
        folders.append(folder / "again")
        folders[-1].mkdir()
        first += [f"hydra.run.dir={folders[-1]}", f"resume={last}"]
    second = run(Command("glip_pl.train", first, folder))
    wrong = differences(whole.folder, folders)
    if second.code != 0:
        wrong.append(f"exit code {second.code} when resumed")
    if end.code == 0 and step != STEPS:
        wrong.append(f"exit code 0 at step {step}")
    if end.code not in CODES[cut.kind] | {0}:
        wrong.append(f"exit code {end.code}")
    left = [path.name for one in folders for path in one.rglob("*.partial")]
    return Outcome(cut, end.code, step, wrong + left)


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each kind of cut."""
    lines = ["| cut by | times | exit codes | resumed from step | equal in all |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for kind in SIGNALS:
        rows = [outcome for outcome in outcomes if outcome.cut.kind == kind]
        codes = Counter(outcome.code for outcome in rows)
        steps = {outcome.resumed_from for outcome in rows}
        places = [str(step) for step in sorted(step for step in steps if step is not None)]
        places += ["the start"] * (None in steps)
        cells = [
            kind,
            str(len(rows)),
            ", ".join(f"{code}: {count}" for code, count in sorted(codes.items())),
            ", ".join(places),
            str(sum(not outcome.wrong for outcome in rows)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def test_a_killed_training_ends_as_an_uninterrupted_one(
    words: list[str], whole: Whole, tmp_path: Path
) -> None:
    cut = Cut("SIGKILL", 0.6, nth=0, where="", workers=0, in_new_folder=False)
    outcome = cut_and_resumed(cut, words, whole, tmp_path / "cut")
    assert outcome.code == -signal.SIGKILL
    assert outcome.wrong == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_trainings_that_are_cut_anywhere_end_as_an_uninterrupted_one(
    words: list[str], whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = []
    for number in range(KILLS):
        cut = Cut.drawn(number)
        outcomes.append(cut_and_resumed(cut, words, whole, tmp_path / str(number)))
        with capsys.disabled():
            print(f"\n{number}: {outcomes[-1]}", end="", flush=True)
    with capsys.disabled():
        print(f"\n\n{table(outcomes)}\n")
    assert [outcome for outcome in outcomes if outcome.wrong] == []
