"""All settings of `conf/`, with their comments and defaults, read from the YAML files."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

CONF = Path(__file__).parents[2] / "conf"

COMMANDS = ("python -m ", "glip-pl ")
"""How a comment begins that is a command."""


class Setting(NamedTuple):
    """One key of a file."""

    key: str  # with the keys around it, joined by dots
    default: str  # as in the file
    comment: str  # Markdown: what stands above the key and behind it; empty if there is none


class SettingsFile(NamedTuple):
    """A YAML file of `conf/`."""

    path: Path  # from conf/
    comment: str  # its first lines as Markdown, each command a paragraph of code
    defaults: list[str]  # what it is composed of: entries of its defaults list, as in the file
    settings: list[Setting]
    package: str | None  # the key below which its settings are; "" for none, None where it depends


def read_file(path: Path) -> SettingsFile:
    """The settings of a file, which is below CONF. Raises yaml.YAMLError for another language."""
    lines = path.read_text(encoding="utf-8").splitlines()
    root = yaml.compose("\n".join(lines), Loader=yaml.SafeLoader)
    header = [line for line in _leading(lines) if "@package" not in line]
    settings: list[Setting] = []
    defaults: list[str] = []
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            if key.value == "defaults":
                defaults = [_text(lines, one) for one in value.value]
            else:
                settings += _settings(lines, key, value, "")
    return SettingsFile(
        path.relative_to(CONF), _described(header), defaults, settings, _package(path, lines)
    )


def all_files() -> list[SettingsFile]:
    """Every file of settings, in the order of their paths."""
    return [read_file(path) for path in sorted(CONF.rglob("*.yaml"))]


def _leading(lines: list[str]) -> list[str]:
    """The comments before the first line that is none."""
    count = next((row for row, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return lines[:count]


def _described(lines: list[str]) -> str:
    """Comments as Markdown, in which <name> must not be taken for HTML."""
    texts = [line.lstrip("# ") for line in lines]
    return " ".join(
        f"\n\n`{text}`\n\n" if text.startswith(COMMANDS) else text.replace("<", "&lt;")
        for text in texts
    ).strip()


def _package(path: Path, lines: list[str]) -> str | None:
    for line in lines:
        if line.startswith("# @package"):
            return line.split()[-1].replace("_global_", "")
    folder = path.parent.relative_to(CONF).as_posix()
    if folder == ".":
        return ""
    # Sources of data are put below the name that the file which lists them gives them.
    return None if folder in ("data/train", "data/eval") else folder.replace("/", ".")


def _settings(
    lines: list[str], key: yaml.ScalarNode, value: yaml.Node, before: str
) -> Iterator[Setting]:
    """The settings in and below a key; `before` is the key around it with a dot, or empty."""
    name = before + key.value
    inside_key = value.start_mark.line >= key.start_mark.line  # an alias stands elsewhere
    if isinstance(value, yaml.MappingNode) and value.value and inside_key:
        for inner_key, inner in value.value:
            yield from _settings(lines, inner_key, inner, f"{name}.")
        return
    default = _text(lines, value) if inside_key else "as above"
    yield Setting(name, default, _comment(lines, key.start_mark.line, value))


def _text(lines: list[str], node: yaml.Node) -> str:
    """A value as it is written in the file, on one line."""
    first, last = node.start_mark, node.end_mark
    if first.line == last.line:
        return str(lines[first.line][first.column : last.column]).strip()
    rows = [lines[first.line][first.column :], *lines[first.line + 1 : last.line]]
    rows += [lines[last.line][: last.column]] if last.line < len(lines) else []
    return " ".join(" ".join(row.split(" #")[0].split()) for row in rows).strip()


def _comment(lines: list[str], row: int, value: yaml.Node) -> str:
    """The comment lines just above a key, and what follows the value behind a #."""
    above: list[str] = []
    while row > len(above) and lines[row - 1 - len(above)].lstrip().startswith("#"):
        above.insert(0, lines[row - 1 - len(above)].strip().lstrip("# "))
    if len(above) == row:  # the first lines of a file describe the file
        above = []
    line = lines[row]
    end = value.end_mark.column if value.end_mark.line == row else 0
    behind = line[end:].partition(" #")[2] if " #" in line[end:] else ""
    return " ".join([*above, behind.strip()]).strip().replace("<", "&lt;")
