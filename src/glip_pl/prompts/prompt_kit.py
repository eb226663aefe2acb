"""A small file with the words and the score threshold for each category, for one model."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from glip_pl.errors import UserError, some
from glip_pl.files.small_yaml import read_small_yaml
from glip_pl.files.writing import write_whole
from glip_pl.prompts.prompt_from_text import Wording, wordings_of

log = logging.getLogger(__name__)

VERSION_KEY, VERSION = "glip_pl_prompt_kit", 1
"""Entry by which a file is recognised, and the version of its form."""

SUFFIXES = (".yaml", ".yml")
"""Ends of the names of such files."""

KEYS = ("words", "before", "after", "threshold")
"""What a kit says about a name; `before` and `after` explain the words."""


@dataclass(frozen=True)
class PromptKit:
    """How prompts call C categories, and the scores that their boxes must exceed."""

    names: tuple[str, ...]  # (C,) as in the annotations
    wordings: tuple[Wording, ...]  # (C,)
    thresholds: tuple[float | None, ...]  # (C,) None: that of the command
    model: str  # fingerprint of the model that they were searched with

    def wordings_of(self, names: Sequence[str]) -> list[Wording]:
        """The wordings of a dataset's categories; those without an entry keep their own words.

        Raises UserError if the kit has names that are no category.
        """
        unknown = [name for name in self.names if name not in names]
        if unknown:
            raise UserError(
                f"the prompt kit has words for {some(unknown)}, but the categories are "
                f"{some(list(names))} (the setting `prompt`)"
            )
        own = dict(zip(self.names, self.wordings, strict=True))
        return [
            own.get(name, wording) for name, wording in zip(names, wordings_of(names), strict=True)
        ]

    def warn_unless(self, fingerprint: str) -> None:
        """Log a warning if the kit was searched with a model of another fingerprint."""
        if self.model != fingerprint:
            log.warning(
                "the prompt kit for %s was searched with a model of other weights: its words and "
                "thresholds may not suit this one",
                some(list(self.names)),
            )

    def write(self, path: Path) -> None:
        """Write the kit to a YAML file, whole or not at all."""
        entries = {}
        columns = zip(self.names, self.wordings, self.thresholds, strict=True)
        for name, wording, threshold in columns:
            parts = (wording.name, wording.prefix, wording.suffix, threshold)
            filled = zip(KEYS, parts, strict=True)
            entries[name] = {key: value for key, value in filled if value not in ("", None)}
        content = {VERSION_KEY: VERSION, "model": self.model, "names": entries}
        with write_whole(path) as partial:
            text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
            partial.write_text(text, encoding="utf-8")


def is_kit(path: Path) -> bool:
    """Whether a file of the setting `prompt` is a prompt kit, by its name."""
    return path.suffix.lower() in SUFFIXES


def read_kit(path: Path) -> PromptKit:
    """Read a file that `PromptKit.write` wrote. Raises UserError if it is something else."""
    content = read_small_yaml(path)
    if not isinstance(content, Mapping) or content.get(VERSION_KEY) != VERSION:
        raise UserError(f"{path} is no prompt kit: it lacks `{VERSION_KEY}: {VERSION}`")
    entries = content.get("names")
    if not isinstance(entries, Mapping) or not entries:
        raise UserError(f"{path} is no prompt kit: it has no `names`")
    kept = {str(name): _entry(str(name), entry, path) for name, entry in entries.items()}
    return PromptKit(
        tuple(kept),
        tuple(wording for wording, _ in kept.values()),
        tuple(threshold for _, threshold in kept.values()),
        str(content.get("model")),
    )


def _entry(name: str, entry: Any, path: Path) -> tuple[Wording, float | None]:
    """The wording and the threshold of a name. Raises UserError if they make no sense."""
    fault = f"{path}: {name!r} must have `words: ...`, and may have {', '.join(KEYS[1:])}"
    if not isinstance(entry, Mapping) or not set(entry) <= set(KEYS):
        raise UserError(fault)
    words, before, after = (entry.get(key, "") for key in KEYS[:3])
    if not all(isinstance(text, str) for text in (words, before, after)) or not words.strip():
        raise UserError(fault)
    threshold = entry.get("threshold")
    if isinstance(threshold, bool) or not isinstance(threshold, float | int | None):
        raise UserError(f"{path}: the threshold of {name!r} is no number")
    if threshold is not None and not 0 <= threshold <= 1:
        raise UserError(f"{path}: the threshold of {name!r} must be from 0 to 1")
    return Wording(words, before, after), threshold
