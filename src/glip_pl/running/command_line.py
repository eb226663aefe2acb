"""Reads words of a command line literally where Hydra's grammar would not accept or change them.

Hydra parses `key=value` by a grammar in which quotes, brackets, commas, `=`, `~` and letters beyond
ASCII are special, so that ordinary sentences and file names need quotes inside quotes.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from glip_pl.errors import UserError, first_line, some
from glip_pl.files.shipped_settings import CONF_DIR
from glip_pl.running.home import NOT_PATHS, expanded, expanded_list

LITERAL = frozenset(
    {
        *("text", "image", "images", "names", "output", "ckpt", "prompt", "name", "picture"),
        *("official", "out", "before", "after", "teacher", "resume", "sweep", "root"),
        *("data.root", "data.captions", "data.descriptions"),
        *("paths.data", "paths.index", "paths.shards", "paths.runs", "paths.output"),
    }
)
"""Settings whose value is taken as it was typed."""

PHRASES = frozenset({"text", "names"})
"""Settings that may be lists of ordinary words."""

MEMBER = re.compile(r"""\s*("[^"]*"|'[^']*')\s*(?=,|$)|[^,]*[^,\s][^,]*""")
"""A member of a list: a text in quotes, or all up to the next comma."""

FROM_FILE = "@"
"""Beginning of a text that is in a file: text=@prompt.txt."""

SWEEP = frozenset({"-m", "--multirun"})
"""Options that start a sweep, in which commas separate the values of a setting."""


def readable_words(words: Sequence[str]) -> list[str]:
    """The words of a command line, quoted for Hydra where its grammar requires it.

    `~` becomes the home folder. Raises UserError, with the form to type, for another setting that
    Hydra cannot parse.
    """
    sweep = not SWEEP.isdisjoint(words)
    _check_form(words)
    return [_readable(word, sweep) for word in words]


def _check_form(words: Sequence[str]) -> None:
    """Raise UserError for a word that is no option, its argument, a setting or ~setting."""
    for before, word in zip(["", *words], words, strict=False):
        key, equal, _ = word.partition("=")
        is_setting = bool(equal and key.strip("+ "))
        if not is_setting and not before.startswith("-") and not word.startswith(("-", "~")):
            raise UserError(
                f"the word {word!r} is no setting: write key=value, with quotes around a value "
                'that has blanks, such as text="a red star"'
            )


def _readable(word: str, sweep: bool) -> str:
    """A word as Hydra reads it; options and words without `=` stay as they are."""
    key, equal, typed = word.partition("=")
    if not equal or not key or key.startswith("-"):
        return word
    name = key.lstrip("+")
    if name == "text" and typed.startswith(FROM_FILE):
        return _word(key, _text_of(Path(expanded(typed.removeprefix(FROM_FILE)))))
    if name in PHRASES and not _is_unicode(typed):
        raise UserError(f"{name}={typed!r} is no text in UTF-8: set the terminal to this encoding")
    if name in LITERAL and not sweep:
        return _literal(key, typed)
    value = typed if name in NOT_PATHS else expanded_list(typed)
    override = _parsed(f"{key}={value}")
    if override is not None:
        _check_choice(word, name.partition("@")[0], override)
        return f"{key}={value}"
    if (name in LITERAL or value != typed) and "," not in value:  # else perhaps several values
        return _word(key, value)
    form = shlex.quote(f"{key}={_quoted(value, Quote.double)}")
    raise UserError(
        f"the setting {word!r} has characters that are special to Hydra: quote its value "
        f"inside the word, {form}"
    )


def _text_of(path: Path) -> str:
    """The text of a file in one line. Raises UserError if there is none or it is not UTF-8."""
    try:
        return " ".join(path.read_text(encoding="utf-8").split())
    except (OSError, ValueError) as error:
        raise UserError(
            f"text={FROM_FILE}{path}: cannot read the text of this file: {first_line(error)}"
        ) from error


def _is_unicode(text: str) -> bool:
    """Whether a word of the command line was in UTF-8; Python keeps other bytes as surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _parsed(word: str) -> Override | None:
    """A word as Hydra parses it; None if it does not fit the grammar."""
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        return None


def _check_choice(word: str, group: str, override: Override) -> None:
    """Raise UserError if a group of settings is given no name, of which Hydra shows a traceback."""
    folder = CONF_DIR / group
    if not override.is_sweep_override() and folder.is_dir():
        value = override.value()
        if not isinstance(value, str | list | dict):
            choices = sorted(path.stem for path in folder.glob("*.yaml"))
            raise UserError(f"{word}: must be a choice of conf/{group}: {some(choices, 20)}")


def _literal(key: str, value: str) -> str:
    """The word for a setting that is taken as typed, unless it is null, a list or quoted."""
    is_path = key.lstrip("+") not in NOT_PATHS
    if is_path and value.startswith("["):
        value = expanded_list(value)
    override = _parsed(f"{key}={value}")
    if override is None and key.lstrip("+") in PHRASES and value[:1] + value[-1:] == "[]":
        members = (_unquoted(match[0]) for match in MEMBER.finditer(value[1:-1]))
        return f"{key}=[{','.join(_quoted(member, Quote.single) for member in members)}]"
    if override is not None and not override.is_sweep_override():
        parsed = override.value()
        if parsed is None or isinstance(parsed, list):
            return f"{key}={value}"
        if isinstance(parsed, str):
            if not is_path or not parsed.startswith("~"):
                return f"{key}={value}"
            value = parsed
    return _word(key, expanded(value) if is_path else value)


def _unquoted(member: str) -> str:
    """A member of a list without the blanks and the quotes around it."""
    text = member.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _word(key: str, value: str) -> str:
    """The word that Hydra reads as this text, without interpolations."""
    return f"{key}={_quoted(value.replace('${', chr(92) + '${'), Quote.single)}"


def _quoted(value: str, quote: Quote) -> str:
    """A value in quotes by Hydra's own rules for escaping."""
    quoted: str = QuotedString(value, quote).with_quotes()
    return quoted
