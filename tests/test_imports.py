"""Imports follow the arrow of docs/architecture.md: lower folders never know higher ones."""

import ast
from pathlib import Path

import pytest

import glip_pl

ROOT = Path(glip_pl.__file__).parent

NOUNS = {"types", "spans", "boxes", "anchors", "devices", "errors"}
"""Modules at the top that every folder may use."""

MAY_IMPORT: dict[str, set[str]] = {
    "files": set(),
    "terminal": set(),
    "annotations": {"files"},
    "fetching": set(),
    "pretrained": {"files"},
    "prompts": {"files", "pretrained"},
    "models": {"pretrained"},
    "losses": set(),
    "data": {"files", "prompts", "losses"},
    "metrics": {"files", "data", "prompts"},
    "checkpoints": {"files", "pretrained", "models"},
    "inference": {
        *("files", "terminal", "annotations", "pretrained"),
        *("prompts", "data", "models", "checkpoints"),
    },
    "training": {
        *("files", "terminal", "prompts", "losses", "models"),
        *("inference", "metrics", "checkpoints"),
    },
    "running": {
        *("files", "terminal", "pretrained", "prompts", "models", "data", "metrics"),
        *("checkpoints", "inference", "training"),
    },
    "inspection": {
        *("files", "terminal", "annotations", "prompts", "data", "metrics"),
        *("inference", "training", "running"),
    },
    "labelling": {
        *("files", "terminal", "annotations", "prompts", "data"),
        *("inference", "inspection", "running"),
    },
    "serving": {"data", "inference"},
    "video": {"files", "terminal", "data", "inference"},
    "exporting": {"prompts", "data", "models", "inference"},
    "page": {"annotations", "data", "inference", "serving"},
}
"""Folders of the package, and what of the package they may know beside themselves."""

SHELLS = {"training", "running", "data/datamodule.py", "inspection/finishing.py"}
"""Where Lightning may appear, beside the entry points."""


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
        own = {name.split(".")[1] for name in imports(path) if name.startswith("glip_pl.")}
        assert own <= MAY_IMPORT[folder] | NOUNS | {folder}, path


def test_only_shells_know_lightning() -> None:
    for folder in MAY_IMPORT:
        for path in (ROOT / folder).rglob("*.py"):
            inside = str(path.relative_to(ROOT))
            if not any(inside.startswith(shell) for shell in SHELLS):
                assert not any("lightning" in name for name in imports(path)), path


def test_every_folder_is_listed() -> None:
    folders = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(MAY_IMPORT)
