"""The font of labels: DejaVu Sans, or a file that the user names, for other scripts."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from glip_pl.errors import UserError, first_line

log = logging.getLogger(__name__)

VARIABLE = "GLIP_FONT"
"""Environment variable with the path of a font file (.ttf, .otf or .ttc)."""

REMEDY = (
    "name a font that has them by font=<file.ttf> of predict or the environment variable "
    f"{VARIABLE}. DejaVu Sans has Latin, Greek, Cyrillic, Hebrew and Arabic letters, but no "
    "Chinese, Japanese or Korean ones"
)
"""What to do about characters that the font lacks."""


def use_font(file: str | Path) -> None:
    """Draw the labels of this process with a font file.

    Raises UserError if it is no font.
    """
    path = Path(file).expanduser().absolute()
    _loaded(path, 12)
    os.environ[VARIABLE] = str(path)


def label_font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """The font that has the most characters of a text: the user's or, if it lacks some, DejaVu.

    `size` is in pixels. A warning tells once if neither has them all. Raises UserError if the
    user's file is no font.
    """
    files = font_files()
    if len(files) == 1 and text.isascii():  # no need to look, which imports matplotlib
        return _loaded(files[0], size)
    gaps = [missing(text, file) for file in files]
    fewest = min(range(len(files)), key=lambda number: len(gaps[number]))
    if gaps[fewest]:
        _warn(files[fewest], gaps[fewest])
    return _loaded(files[fewest], size)


def font_files() -> list[Path]:
    """The font files of labels, the preferred one first.

    Raises UserError if the user's file is no font.
    """
    if not os.environ.get(VARIABLE):
        return [_dejavu()]
    own = Path(os.environ[VARIABLE]).expanduser()
    _loaded(own, 12)
    return [own, _dejavu()]


@cache  # looking for it would take a quarter of the time of a label
def _dejavu() -> Path:
    found = find_spec("matplotlib")
    assert found is not None and found.origin is not None  # a requirement of this package
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"


@contextmanager
def plot_fonts() -> Iterator[None]:
    """Texts of matplotlib that are made in this block, or decorated function, have these fonts.

    Raises UserError if the user's file is no font.
    """
    import matplotlib
    from matplotlib.font_manager import FontProperties, fontManager

    files = font_files()
    for file in files[:-1]:
        fontManager.addfont(str(file))
    names = [FontProperties(fname=str(file)).get_name() for file in files]
    with matplotlib.rc_context({"font.family": names}):
        yield


def missing(text: str, file: Path) -> str:
    """The characters of a text that a font file has no glyph for, each once."""
    known = _known(file)
    return "".join(dict.fromkeys(one for one in text if ord(one) not in known and one.strip()))


@cache
def _known(file: Path) -> frozenset[int]:
    """The code points that a font has glyphs for."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(file)).get_charmap())


@cache
def _loaded(file: Path, size: int) -> ImageFont.FreeTypeFont:
    """A font in a size. Raises UserError if the file is no font."""
    try:
        return ImageFont.truetype(str(file), size)
    except OSError as error:
        raise UserError(
            f"{file} cannot be read as a font ({first_line(error)}): give a .ttf, .otf or .ttc "
            f"file (setting `font`, environment variable {VARIABLE})"
        ) from error


def _warn(file: Path, gaps: str) -> None:
    """Log what a font lacks, once for each font."""
    if file not in _warned:
        _warned.add(file)
        log.warning(
            "the font %s has no glyph for %r, drawn as empty boxes: %s", file.name, gaps, REMEDY
        )


_warned: set[Path] = set()
