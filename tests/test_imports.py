"""Imports follow the arrow of docs/architecture.md: lower folders never know higher ones."""

import ast
from pathlib import Path

import pytest

import glip_pl

ROOT = Path(glip_pl.__file__).parent

MAY_IMPORT = {
    "prompts": {"types", "errors", "sources"},
    "models": {"types", "errors", "boxes", "sources"},
    "losses": {"types", "errors", "boxes"},
    "data": {"types", "errors", "boxes", "prompts"},
    "metrics": {"types", "errors", "boxes", "data"},
    "checkpoints": {"errors", "models", "settings", "sources"},
    "inference": {"types", "errors", "boxes", "prompts", "data", "models", "checkpoints"},
    "inspection": {"types", "errors", "boxes", "prompts", "data", "metrics", "inference"},
    "training": {
        *("types", "errors", "boxes", "prompts", "losses", "models"),
        *("inference", "metrics", "checkpoints"),
    },
}
"""Folders of the package, and what of the package they may know beside themselves."""

SHELLS = {"training", "data/datamodule.py"}
"""Where Lightning may appear, beside the entry points."""


ENTRY_POINTS = {"data/__main__.py"}
"""Commands inside folders: they know all, as the ones at the top do."""


def imports(path: Path) -> set[str]:
    """Every module that a file imports, dotted."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_lower_folders_do_not_know_higher_ones(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        if str(path.relative_to(ROOT)) in ENTRY_POINTS:
            continue
        own = {name.split(".")[1] for name in imports(path) if name.startswith("glip_pl.")}
        assert own <= MAY_IMPORT[folder] | {folder}, path


def test_only_shells_know_lightning() -> None:
    for folder in MAY_IMPORT:
        for path in (ROOT / folder).rglob("*.py"):
            inside = str(path.relative_to(ROOT))
            if not any(inside.startswith(shell) for shell in SHELLS):
                assert not any("lightning" in name for name in imports(path)), path


def test_every_folder_is_listed() -> None:
    folders = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(MAY_IMPORT)
