"""No file runs code, whatever command reads it."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.models.text_encoder import load_bert
from glip_pl.prompts.tokens import load_tokenizer
from tests.reliability import tiny
from tests.reliability.bombs import Bomb, folder_bombs, pickle_bombs, settings_bombs
from tests.reliability.data_bombs import data_bombs
from tests.reliability.roads import Road, Workshop
from tests.reliability.text_bombs import texts, too_large

PATIENCE = 0.02
"""Seconds after which a program that a bomb started has left its mark."""


class Outcomes:
    """Counts of what came of bombs, by group, and a line about every failure."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.failures: list[str] = []

    def use(self, group: str, bomb: Bomb, roads: Mapping[str, Road], folder: Path) -> None:
        """Read a bomb by every road, and carelessly at the end, to prove that it works."""
        folder.mkdir()
        mark = folder / "mark"
        path = bomb.write(folder, mark)
        counter = self.counts.setdefault(group, Counter())
        counter["bombs"] += 1
        for name, road in (bomb.roads or roads).items():
            outcome = _outcome(road, path)
            if mark.exists():
                outcome = "ran"
                mark.unlink() if mark.is_file() else mark.rmdir()
            counter[outcome] += 1
            counter["readings"] += 1
            if outcome not in ("told", "read"):
                self.failures.append(f"{group}: {bomb.name} by {name}: {outcome}")
        counter["ran where trusted"] += _works(bomb, path, mark)

    def table(self) -> str:
        """A Markdown table with a row for each group."""
        columns = ("bombs", "ran where trusted", "readings", "told", "read", "ran")
        lines = [f"| bombs in | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
        for group, counter in [*self.counts.items(), ("all", sum(self.counts.values(), Counter()))]:
            lines.append(f"| {group} | {' | '.join(str(counter[key]) for key in columns)} |")
        return "\n".join(lines)


def _outcome(road: Road, path: Path) -> str:
    try:
        road(path)
    except UserError as error:
        return "told" if "weights_only" not in str(error) else f"bad advice: {error}"
    except Exception as error:
        return f"traceback: {error!r:.300}"
    finally:
        time.sleep(PATIENCE)
    return "read"


def _works(bomb: Bomb, path: Path, mark: Path) -> bool:
    with suppress(Exception):  # what follows the mark need not succeed
        bomb.careless(path)
    deadline = time.monotonic() + 2
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(PATIENCE)
    return mark.exists()


def text_roads(folder: Path) -> dict[str, Callable[[Path], object]]:
    """The ways by which the folder of a tokenizer or a text encoder is read."""

    def in_checkpoint(path: Path) -> object:
        from glip_pl.inference.predictor import Predictor

        config = tiny.config_of(path)
        sound = tiny.config_of(tiny.write_text_folder(folder / f"{path.parent.name}-sound"))
        own = tiny.write_own(folder / f"{path.parent.name}.ckpt", {**sound, "tokenizer": str(path)})
        Predictor.load(own)
        return Predictor.load(tiny.write_own(own, {**config, "model": sound["model"]}))

    return {
        "tokenizer.source=": lambda path: load_tokenizer(str(path)),
        "text_encoder.source=": lambda path: load_bert(str(path), pretrained=True),
        "text_encoder.pretrained=false": lambda path: load_bert(str(path), pretrained=False),
        "a checkpoint": in_checkpoint,
    }


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_bomb_runs(
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run with `-s` to see the table, which docs/reliability.md shows."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.chdir(tmp_path)
    roads = Workshop(tmp_path, world).roads
    outcomes = Outcomes()
    groups: Sequence[tuple[str, Sequence[Bomb], Mapping[str, Road]]] = [
        ("pickles", pickle_bombs(), roads),
        ("settings of checkpoints", settings_bombs(), roads),
        ("folders of tokenizers and text encoders", folder_bombs(), text_roads(tmp_path)),
        ("data and names of packages", data_bombs(), {}),
        ("texts, in pages and tables", texts(), {}),
        ("small files that become large", too_large(), {}),
    ]
    for group, bombs, of_group in groups:
        for number, bomb in enumerate(bombs):
            outcomes.use(group, bomb, of_group, tmp_path / f"{len(outcomes.counts)}-{number}")
    with capsys.disabled():
        print(f"\n{outcomes.table()}")
        print("\n".join(outcomes.failures))
    assert not outcomes.failures
    total = sum(outcomes.counts.values(), Counter())
    assert total["ran where trusted"] == total["bombs"]
