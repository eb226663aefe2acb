"""Pages of the reference in Markdown: every setting of `conf/`, every module of the package."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.site.settings import Setting, SettingsFile

PACKAGE = Path(__file__).parents[2] / "src" / "glip_pl"

Pages = dict[str, str]
"""Texts in Markdown by their paths in the site."""


def setting_pages(files: Sequence[SettingsFile]) -> Pages:
    """A page for the commands, and one for each group of settings."""
    groups: dict[str, list[SettingsFile]] = defaultdict(list)
    for file in files:
        groups[file.path.parts[0] if len(file.path.parts) > 1 else "commands"].append(file)
    changed = changes(files)
    pages = {
        f"settings/{group}.md": "\n\n".join(
            [f"# {group}", *(_section(file, changed) for file in members)]
        )
        + "\n"
        for group, members in groups.items()
    }
    listed = [f"- [{group}]({group}.md): {len(members)} files" for group, members in groups.items()]
    pages["settings/index.md"] = "\n".join(["# All settings", "", INTRODUCTION, "", *listed, ""])
    return pages


INTRODUCTION = """\
Generated from the files of `conf/`. A setting is written on the command line as `key=value`, and a
file is chosen by the name of its group, such as `model=glip_t` for `conf/model/glip_t.yaml`. The
last column names the experiments (`experiment=...`) that change a setting."""


def changes(files: Sequence[SettingsFile]) -> Mapping[str, list[str]]:
    """By each setting, with the keys around it: `experiment=value`, as experiments change it."""
    changed: dict[str, list[str]] = defaultdict(list)
    for file in files:
        if file.path.parts[0] == "experiment":
            for setting in file.settings:
                changed[setting.key].append(f"{file.path.stem}: {setting.default}")
    return changed


def _section(file: SettingsFile, changed: Mapping[str, list[str]]) -> str:
    """A file with its table of settings."""
    parts = [f"## {file.path.with_suffix('').as_posix()}", file.comment]
    if file.defaults:
        parts.append(f"Composed of {', '.join(f'`{entry}`' for entry in file.defaults)}.")
    if file.settings:
        targets = {one.key: one.default for one in file.settings if _is_target(one)}
        rows = ["| setting | default | meaning | changed by |", "| --- | --- | --- | --- |"]
        rows += [_row(one, file.package, targets, changed) for one in file.settings]
        parts.append("\n".join(rows))
    return "\n\n".join(part for part in parts if part)


def _is_target(setting: Setting) -> bool:
    return setting.key.rpartition(".")[2] == "_target_"


def _row(
    setting: Setting,
    package: str | None,
    targets: Mapping[str, str],
    changed: Mapping[str, list[str]],
) -> str:
    """A row of the table: name with the keys around it, default, meaning, experiments."""
    name = f"{package}.{setting.key}" if package else setting.key
    around = setting.key.rpartition(".")[0]
    owner = targets.get(f"{around}._target_".lstrip("."))
    meaning = setting.comment
    if _is_target(setting):
        meaning = meaning or f"builds {_linked(setting.default)}"
    elif not meaning and owner is not None:
        meaning = f"argument of {_linked(owner)}"
    experiments = ", ".join(_code(change) for change in changed.get(name, []))
    cells = [_code(name), _code(setting.default), meaning.replace("|", "\\|"), experiments]
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """Text as code in a cell of a table."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def _linked(target: str) -> str:
    """The name of what a setting builds, linked to its entry if it is one of ours."""
    return f"[`{target}`][{target}]" if target.startswith("glip_pl.") else f"`{target}`"


def module_pages() -> Pages:
    """A page for each folder of the package, with all its public classes and functions."""
    pages: Pages = {}
    for folder in [PACKAGE, *sorted(path for path in PACKAGE.rglob("*") if path.is_dir())]:
        modules = sorted(path for path in folder.glob("*.py") if not path.name.startswith("__"))
        if not modules:
            continue
        name = ".".join(folder.relative_to(PACKAGE.parent).parts)
        initial = folder / "__init__.py"
        entries = [name, *(f"{name}.{path.stem}" for path in modules)]
        if not initial.is_file():
            entries = entries[1:]
        text = "\n\n".join(f"::: {entry}" for entry in entries)
        pages[f"api/{name}.md"] = f"# {name}\n\n{text}\n"
    return pages
