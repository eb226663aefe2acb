"""Every command that the documentation shows has settings that exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra.errors import HydraException

from glip_pl.__main__ import COMMANDS
from glip_pl.running.settings import compose_settings

ROOT = Path(__file__).parents[2]
ADDS_SETTINGS = ROOT / "docs" / "tutorials" / "add.md"
"""A page whose commands use settings that it writes; the test of the tutorials runs them."""

PAGES = [
    ROOT / "README.md",
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path != ADDS_SETTINGS),
]
COMMAND = re.compile(r"(?:\S*python -m glip_pl\.|(?:\S*/)?glip-pl )(\w[\w-]*)(.*)")
FILES = {"data": "data_tools"}
"""Files of settings, by commands that have another name."""

SKIPPED = ("text=", "hydra/", "hydra.", "sweep=", "-")
"""Starts of words that Hydra does not read as they are, or that need packages of their own."""


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Commands in the code blocks of a page with their settings; placeholders are replaced."""
    for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        for line in re.sub(r"<[^>]*>", "x", block.replace("\\\n", " ")).splitlines():
            match = COMMAND.match(line.strip())
            if match:
                words = shlex.split(match[2].split(";")[0], comments=True)
                yield match[1].replace("-", "_"), [w for w in words if _is_setting(w)]


def _is_setting(word: str) -> bool:
    return "=" in word and not word.startswith(SKIPPED) and not word.endswith("=...")


def _first_of_sweep(word: str) -> str:
    """`key=a` for `key=a,b`, which a sweep takes one after the other."""
    key, value = word.split("=", 1)
    if value.startswith("tag("):  # of an optimising sweeper
        return f"{key}=0"
    return word if value.startswith(("[", "{")) else f"{key}={value.split(',')[0]}"


def faults(page: Path) -> Iterator[str]:
    """What is wrong with the commands of a page."""
    for command, words in commands(page):
        name = FILES.get(command, command)
        if (ROOT / "conf" / f"{name}.yaml").is_file():
            try:
                compose_settings([_first_of_sweep(word) for word in words], name)
            except HydraException as error:
                yield f"{command} {' '.join(words)}: {error}"
        elif command not in COMMANDS:
            yield f"there is no command {command}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_of_commands_exist(page: Path) -> None:
    assert list(faults(page)) == []


def test_commands_are_found_with_their_settings() -> None:
    found = [command for page in PAGES for command, words in commands(page) if words]
    assert {"train", "predict", "evaluate", "label", "export", "prompt_search"} <= set(found)
    assert len(found) > 60


def test_a_setting_that_does_not_exist_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```\npython -m glip_pl.train experiment=finetune_custom data.folds=3\n```\n")
    (fault,) = faults(page)
    assert "folds" in fault
