"""The page of results: its sections and tables."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results.md"

_HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def sections(page: str) -> dict[str, str]:
    """The text of each section by its heading, without the sections below it."""
    headings = list(_HEADING.finditer(page))
    ends = [*(heading.start() for heading in headings[1:]), len(page)]
    return {
        heading[1]: page[heading.end() : end] for heading, end in zip(headings, ends, strict=True)
    }


def tables(section: str) -> Iterator[re.Match[str]]:
    """The tables in the text of a section."""
    return _TABLE.finditer(section)
