"""The table of all figures, `figures.yaml`, which says what its fields are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glip_pl.errors import UserError
from glip_pl.files.small_yaml import read_small_yaml
from scripts.reproduce.measured import measured_values
from scripts.reproduce.patterns import found, number
from scripts.reproduce.tolerances import Tolerance, read_tolerance

FIGURES = Path(__file__).with_name("figures.yaml")


@dataclass(frozen=True)
class Entry:
    """A command, the figures on the page of results that it repeats, and where it leaves them."""

    id: str
    section: str
    what: str
    command: str
    minutes: float
    recorded: Sequence[str]
    measured: Mapping[str, Any]
    tolerance: Mapping[str, Tolerance]
    ratios: Mapping[str, Sequence[str]]
    quick: bool = False

    def recorded_values(self, sections: Mapping[str, str]) -> dict[str, float]:
        """The recorded figures by name. Raises UserError if they are not in their section."""
        if self.section not in sections:
            raise UserError(f"{self.id}: docs/results.md has no section {self.section!r}")
        where = f"{self.id}: the section {self.section!r}"
        written = found(sections[self.section], self.recorded, where)
        return self._compared({name: number(text) for name, text in written.items()})

    def measured_values(self, folder: Path) -> dict[str, float]:
        """The figures that the command left, by name. Raises UserError if one is missing."""
        return self._compared(measured_values(folder, self.measured))

    def _compared(self, values: Mapping[str, float]) -> dict[str, float]:
        """The values with ratios instead of the values that ratios are made of."""
        ratios = {
            name: values[first] / values[second]
            for name, (first, second) in self.ratios.items()
            if first in values
        }
        parts = {part for pair in self.ratios.values() for part in pair}
        return {name: value for name, value in values.items() if name not in parts} | ratios


@dataclass(frozen=True)
class NotRepeated:
    """Figures that no entry repeats: a section, or the table in it with the text `part`."""

    section: str
    why: str
    part: str | None = None


def read_entries(path: Path = FIGURES) -> list[Entry]:
    """All entries in their order. Raises UserError if the file is malformed."""
    return [_entry(fields) for fields in read_small_yaml(path)["figures"]]


def read_not_repeated(path: Path = FIGURES) -> list[NotRepeated]:
    """The figures that no entry repeats."""
    return [NotRepeated(**fields) for fields in read_small_yaml(path)["not_repeated"]]


def _entry(fields: Mapping[str, Any]) -> Entry:
    written = fields.get("tolerance")
    tolerances = written if isinstance(written, dict) else {"*": written}
    try:
        read = {name: read_tolerance(text) for name, text in tolerances.items()}
        return Entry(**{"ratios": {}, **fields, "tolerance": read})
    except (TypeError, UserError) as error:
        raise UserError(f"{FIGURES.name}: the entry {fields.get('id')}: {error}") from error
