"""The table of figures agrees with the page of results, and its commands exist."""

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from glip_pl.running.settings import compose_settings
from scripts.reproduce.entries import Entry, read_entries, read_not_repeated
from scripts.reproduce.page import RESULTS, sections, tables
from scripts.reproduce.patterns import names, spans
from scripts.reproduce.places import ADVICE, FOLDER, filled, needs
from scripts.reproduce.tolerances import tolerance_of

ENTRIES, NOT_REPEATED = read_entries(), read_not_repeated()
PAGE = sections(RESULTS.read_text())

by_id = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)


def measured_names(entry: Entry) -> list[str]:
    """The names of all values that an entry reads from the files of its command."""
    return [
        name
        for places in entry.measured.values()
        for place in places
        for name in ([place] if isinstance(places, dict) else names(place))
    ]


@by_id
def test_every_recorded_figure_is_on_the_page_and_is_measured(entry: Entry) -> None:
    recorded = entry.recorded_values(PAGE)
    listed = [name for pattern in entry.recorded for name in names(pattern)]
    assert recorded and len(listed) == len(set(listed))
    assert set(measured_names(entry)) >= set(listed) - set(entry.ratios)
    for name, value in recorded.items():
        tolerance_of(name, entry.tolerance)
        assert tolerance_of(name, entry.tolerance).accepts(value, value), name


@by_id
def test_every_tolerance_is_of_a_figure(entry: Entry) -> None:
    recorded = entry.recorded_values(PAGE)
    used = {id(tolerance_of(name, entry.tolerance)) for name in recorded}
    assert used == {id(tolerance) for tolerance in entry.tolerance.values()}


def test_names_are_unique_and_quick_entries_take_ten_minutes_and_need_nothing() -> None:
    assert len({entry.id for entry in ENTRIES}) == len(ENTRIES)
    quick = [entry for entry in ENTRIES if entry.quick]
    assert sum(entry.minutes for entry in quick) <= 10
    assert [entry.id for entry in quick if needs(entry.command)] == []


@pytest.mark.parametrize(
    "heading", [heading for heading in PAGE if re.search(r"\d", PAGE[heading])]
)
def test_every_table_is_repeated_or_said_not_to_be(heading: str) -> None:
    """A new table needs an entry in figures.yaml, or a line below `not_repeated`."""
    text = PAGE[heading]
    left = [one for one in NOT_REPEATED if one.section == heading]
    repeated = [
        span
        for entry in ENTRIES
        if entry.section == heading
        for span in spans(text, entry.recorded, entry.id)
    ]
    assert left or repeated, f"{heading!r} has figures and no entry"
    if any(one.part is None for one in left):
        return
    repeated += [(text.index(str(one.part)),) * 2 for one in left]
    for table in tables(text):
        assert any(start < table.end() and end >= table.start() for start, end in repeated), table[
            0
        ]


def test_what_is_not_repeated_is_on_the_page() -> None:
    for one in NOT_REPEATED:
        assert one.part is None or PAGE[one.section].count(one.part) == 1, one
        assert one.part is not None or one.section in PAGE


ECHO = """
python() { printf '%s\\n' "$@" end; }
cp() { :; }
rm() { :; }
"""
"""Shell functions that print the words of every program instead of running it."""


def programs(entry: Entry, folder: Path) -> list[list[str]]:
    """The words after `python -m` of every program that a command runs."""
    command = filled(entry.command, dict.fromkeys([*ADVICE, FOLDER], folder))
    shell = ["sh", "-ec", ECHO + re.sub(r"> *\S+", "", command)]
    printed = subprocess.run(shell, check=True, capture_output=True, text=True).stdout
    return [words.split("\n")[1:-1] for words in printed.split("end\n") if words]


@by_id
def test_programs_and_their_settings_exist(entry: Entry, tmp_path: Path) -> None:
    assert set(needs(entry.command)) <= set(ADVICE)
    for module, *words in programs(entry, tmp_path):
        package, _, name = module.partition(".")
        if package == "glip_pl":
            single = [re.sub(r"^([^\[]+?),.*", r"\1", word) for word in words if word != "-m"]
            compose_settings([word for word in single if not word.startswith("hydra")], name)
        else:
            found = find_spec(module)
            if found is not None and found.submodule_search_locations:  # `python -m <package>`
                found = find_spec(f"{module}.__main__")
            assert found is not None and found.origin is not None
            source = Path(found.origin).read_text()
            assert [word for word in words if word[:2] == "--" and word not in source] == []
