"""The tutorials: each is a notebook in Markdown whose commands exist, and which runs offline."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from glip_pl.__main__ import COMMANDS
from glip_pl.files.shipped_settings import CONF_DIR

jupytext = pytest.importorskip("jupytext")

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "tutorials"
TUTORIALS = sorted(path for path in FOLDER.glob("*.md") if path.name != "index.md")
BASH = "%%bash\n"
NAMES = [path.stem for path in TUTORIALS]


def cells(path: Path) -> list[str]:
    """The cells with code, in their order; those of the shell begin with BASH."""
    return [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]


def words_after(text: str, pattern: str) -> Iterator[str]:
    """What the only group of a pattern matches."""
    return (match[1] for match in re.finditer(pattern, text))


@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_cells_are_python_or_bash(path: Path) -> None:
    sources = cells(path)
    assert sources
    for source in sources:
        if source.startswith(BASH):
            subprocess.run(["bash", "-n"], input=source[len(BASH) :], text=True, check=True)
        else:
            ast.parse(source)


@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_commands_and_settings_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = {*words_after(text, r"glip-pl ([a-z][\w-]*)"), *words_after(text, r"-m glip_pl\.(\w+)")}
    assert {name.replace("-", "_") for name in named} - set(COMMANDS) == set()
    scripts = set(words_after(text, r"-m scripts\.(\w+)"))
    assert [name for name in scripts if not (ROOT / "scripts" / f"{name}.py").is_file()] == []
    experiments = set(words_after(text, r"experiment=(\w+)"))
    missing = [
        one for one in experiments if not (CONF_DIR / "experiment" / f"{one}.yaml").is_file()
    ]
    assert missing == []


@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_the_first_lines_say_what_comes_out_and_how_long_it_takes(path: Path) -> None:
    start = jupytext.read(path).cells[0].source
    assert start.startswith("# ")
    assert "At the end" in start and re.search(r"minutes?\b", start)
    assert "(index.md#before-you-begin)" in start


def test_every_tutorial_is_listed() -> None:
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    site = (ROOT / "scripts" / "site" / "zensical.toml").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"({name}.md)" not in index] == []
    assert [name for name in NAMES if f'"tutorials/{name}.md"' not in site] == []


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ShapesWorld of `make demo`: that of GLIP_DATA, or else a new one."""
    if given := os.environ.get("GLIP_DATA"):
        return Path(given).resolve()
    root = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "glip_pl.make_shapes", f"root={root}/shapes"]
    subprocess.run(command, check=True)
    return root


@pytest.fixture(scope="session")
def demo(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of `make demo`: that of GLIP_DEMO, or else one of a tenth of the training."""
    if given := os.environ.get("GLIP_DEMO"):
        return Path(given).resolve()
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "glip_pl.train", "experiment=shapes_demo"]
    settings = ["+trainer.limit_train_batches=0.1", "data.test={}", f"hydra.run.dir={folder}"]
    subprocess.run([*command, f"paths.data={shapes}", *settings], check=True)
    return folder / "checkpoints" / "best.ckpt"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("path", TUTORIALS, ids=NAMES)
def test_it_runs(
    path: Path, shapes: Path, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbclient = pytest.importorskip("nbclient")
    programs = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    for name, value in (("DEMO", demo), ("DATA", shapes), ("CLONE", ROOT)):
        monkeypatch.setenv(f"GLIP_{name}", str(value))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    notebook: Any = jupytext.read(path)
    for cell in notebook.cells:  # a command that fails in the middle of a cell ends it
        cell.source = cell.source.replace(BASH, "%%bash -e\n", 1)
    where = {"metadata": {"path": str(tmp_path)}}
    ran = nbclient.NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources=where
    ).execute()
    code = [cell for cell in ran.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
