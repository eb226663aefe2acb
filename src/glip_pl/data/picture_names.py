"""Which file an annotation means by the name of a picture when no file has exactly that name."""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import parse_qs, unquote

SUBFOLDERS = ("", "images", "img", "imgs", "JPEGImages", "default", "data")
"""Folders below the configured one that programs put pictures into and leave out of names."""

MAX_PARTS = 12
"""Parts of a name, from the right, that are tried."""

UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the names of uploaded files."""

ALIKE = 0.75
"""Similarity from which a name is suggested in place of a missing one."""

COMPARED = 1000
"""Names of a folder that are compared letter by letter at most."""

SEARCHED = 1_000_000
"""Names that are looked through for similar ones in all: this takes about a second."""


def other_names(name: str) -> Iterator[tuple[str, ...]]:
    """Parts of the relative paths that a name may stand for, likeliest first.

    A path or an address from another machine stands for its last parts, which are as many as
    possible; "%20" for a blank; a name that Label Studio made for the file that was uploaded. No
    part leads to a parent folder.
    """
    path = name.strip().replace("\\", "/")
    for spelling in dict.fromkeys((path, unquote(path))):
        yield from _ends(spelling)
        # Label Studio's local files are named "/data/local-files/?d=folder/a.jpg".
        before, _, query = spelling.partition("?")
        for inner in parse_qs(query).get("d", ()):
            yield from _ends(inner)
        if query:
            yield from _ends(before)
    for *folders, last in _ends(unquote(path)):
        if UPLOAD.match(last):
            yield *folders, UPLOAD.sub("", last, count=1)


def _ends(path: str) -> Iterator[tuple[str, ...]]:
    """The parts of a path, then all but the first, and so on to the last one alone."""
    parts = [part for part in path.split("/") if part not in ("", ".", "..")][-MAX_PARTS:]
    for first in range(len(parts)):
        yield tuple(parts[first:])


def folded(name: str) -> str:
    """The name without differences of letter case and of Unicode's forms of accents."""
    lower = name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
    return name if lower == name else lower


class FolderNames:
    """The names of files in folders; a folder is listed once, when it is first asked for."""

    def __init__(self) -> None:
        self._listings: dict[Path, dict[str, str]] = {}
        self._searched = 0  # names that were looked through for similar ones

    def find(self, folder: Path, parts: Iterable[str]) -> Path | None:
        """The file at a relative path, in any letter case; None if there is none, or several."""
        path = folder
        for part in parts:
            actual = self._listing(path).get(folded(part))
            if actual is None:
                return None
            path = path / (actual or part)  # of several with this name, the one that is equal
        return path if is_file(path) else None

    def similar(self, folder: Path, name: str) -> str | None:
        """The name of a file in a folder that may be meant by `name`; None if there is none.

        It holds the whole `name` without its suffix, or differs from it in few letters and in no
        number: beside frame_7.jpg, frame_6.jpg is no mistake. After SEARCHED names the answer is
        None, because of many missing pictures only the first are shown.
        """
        names = self._listing(folder).values()
        self._searched += len(names)
        if self._searched > SEARCHED + len(names):
            return None
        stem, digits = folded(Path(name).stem), _digits(name)
        whole = re.compile(rf"(?<![a-z0-9]){re.escape(stem)}(?![a-z0-9])")
        longer: list[str] = []
        close: dict[str, str] = {}
        for other in names:
            if whole.search(folded(other)):
                longer.append(other)
            elif _digits(other) == digits and len(close) < COMPARED:
                close[folded(Path(other).stem)] = other
        if longer:
            return min(longer, key=len)
        matches = get_close_matches(stem, close, 1, ALIKE)
        return close[matches[0]] if matches else None

    def _listing(self, folder: Path) -> dict[str, str]:
        """Names by their folded form; an empty text where several names have the same."""
        if folder not in self._listings:
            listing: dict[str, str] = {}
            for name in _names_in(folder):
                key = folded(name)
                listing[key] = "" if key in listing else name
            self._listings[folder] = listing
        return self._listings[folder]


def _names_in(folder: Path) -> list[str]:
    """The names of a folder's entries; none if it is no folder or cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def _digits(name: str) -> str:
    return "".join(filter(str.isdecimal, name))


def is_file(path: Path) -> bool:
    """Whether there is a regular file; False too where the system refuses the name."""
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False
