"""Reads words of a command line literally where Hydra's grammar would not accept or change them.

Hydra parses `key=value` by a grammar in which quotes, brackets, commas, `=`, `~` and letters beyond
ASCII are special, so that ordinary sentences and file names need quotes inside quotes.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from glip_pl.errors import UserError

PATHS = frozenset({"image", "names", "output", "ckpt", "prompt", "data.root"})
"""Settings whose value is a path: `~` at its start is the user's home folder."""

LITERAL = PATHS | {"text"}
"""Settings whose value is taken as it was typed."""

SWEEP = frozenset({"-m", "--multirun"})
"""Options that start a sweep, in which commas separate the values of a setting."""


def readable_words(words: Sequence[str]) -> list[str]:
    """The words of a command line, quoted for Hydra where its grammar requires it.

    Raises UserError, with the form to type, for another setting that Hydra cannot parse.
    """
    sweep = not SWEEP.isdisjoint(words)
    return [_readable(word, sweep) for word in words]


def _readable(word: str, sweep: bool) -> str:
    """A word as Hydra reads it; options and words without `=` stay as they are."""
    key, equal, value = word.partition("=")
    if not equal or not key or key.startswith("-"):
        return word
    override = _parsed(word)
    if key.lstrip("+") in LITERAL and not sweep:
        return _literal(key, value, override)
    if override is None:
        typed = shlex.quote(f"{key}={_quoted(value, Quote.double)}")
        raise UserError(
            f"the setting {word!r} has characters that are special to Hydra: quote its value "
            f"inside the word, {typed}"
        )
    return word


def _parsed(word: str) -> Override | None:
    """A word as Hydra parses it; None if it does not fit the grammar."""
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        return None


def _literal(key: str, value: str, override: Override | None) -> str:
    """The word for a setting that is taken as typed, unless it is null, a list or quoted."""
    if override is not None and not override.is_sweep_override():
        parsed = override.value()
        if parsed is None or isinstance(parsed, list):
            return f"{key}={value}"
        if isinstance(parsed, str):
            if key.lstrip("+") not in PATHS or not parsed.startswith("~"):
                return f"{key}={value}"
            value = parsed
    if key.lstrip("+") in PATHS and value.startswith("~"):
        value = _expanded(value)
    return f"{key}={_quoted(value.replace('${', chr(92) + '${'), Quote.single)}"


def _expanded(path: str) -> str:
    """A path with the home folder in place of `~`; unchanged if there is no such user."""
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        return path


def _quoted(value: str, quote: Quote) -> str:
    """A value in quotes by Hydra's own rules for escaping."""
    quoted: str = QuotedString(value, quote).with_quotes()
    return quoted
