"""The website: every setting and module has an entry, and no link leads nowhere."""

import ast
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scripts.site.__main__ import CONFIG, ROOT, moved_links
from scripts.site.reference import PACKAGE, module_pages, setting_pages
from scripts.site.settings import CONF, SettingsFile, all_files, read_file


def keys(content: object, before: str = "") -> Iterator[str]:
    """Keys of all values of a file as PyYAML reads it, joined by dots."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from keys(value, f"{before}.{key}" if before else str(key))
    elif before:
        yield before


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_setting_is_listed(path: Path) -> None:
    content = yaml.safe_load(path.read_text()) or {}
    content.pop("defaults", None)
    expected = list(keys(content))
    # What an alias stands for is listed where its anchor is.
    listed = [setting.key for setting in read_file(path).settings]
    assert [key for key in expected if not any(_within(key, one) for one in listed)] == []


def _within(key: str, listed: str) -> bool:
    return key == listed or key.startswith(f"{listed}.")


def test_comments_above_and_behind_a_setting_are_its_meaning() -> None:
    by_key = {setting.key: setting for setting in read_file(CONF / "train.yaml").settings}
    assert by_key["seed"].comment == ""
    assert by_key["compile"].default == '"off"'
    assert by_key["prompt_memory_gb"].comment.startswith("Memory for prompts that an evaluation")
    assert by_key["checks.pictures"].comment.startswith("look for every picture")


def test_the_first_comment_of_a_file_describes_the_file() -> None:
    file = read_file(CONF / "data" / "base.yaml")
    assert file.comment.startswith("Shared by all data of photographs")
    assert file.settings[0].comment.startswith("Pictures of a batch")


def meanings(file: SettingsFile) -> list[str]:
    return [setting.comment for setting in file.settings]


def test_commands_in_the_first_comment_are_code() -> None:
    comment = read_file(CONF / "experiment/few_shot_odinw.yaml").comment
    assert comment.startswith(
        "`python -m glip_pl.train experiment=few_shot_odinw ckpt=<released file>`\n"
    )
    texts = [text for file in all_files() for text in (file.comment, *meanings(file))]
    outside = [part for text in texts for part in text.split("`")[::2]]
    assert [part for part in outside if "<" in part] == []


def test_experiments_are_named_beside_the_settings_that_they_change() -> None:
    page = setting_pages(all_files())["settings/data.md"]
    (row,) = [line for line in page.splitlines() if line.startswith("| `data.grouping` ")]
    assert "`pretrain_o365_goldg: orientation`" in row


def test_every_page_of_docs_is_in_the_navigation() -> None:
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages - set(re.findall(r'"([\w/]+\.md)"', CONFIG.read_text())) == set()


def test_links_of_the_readme_and_of_docs_lead_to_pages() -> None:
    text = (
        "[a](docs/data.md#x) [b](CONTRIBUTING.md) [c](../CONTRIBUTING.md) [d](https://e.org/docs/)"
    )
    moved = "[a](data.md#x) [b](CONTRIBUTING.md) [c](CONTRIBUTING.md) [d](https://e.org/docs/)"
    assert moved_links(text) == moved


def test_files_that_the_paper_page_names_exist() -> None:
    paths = re.findall(r"`((?:src|conf)/[\w/.]+)`", (ROOT / "docs" / "paper.md").read_text())
    assert len(paths) > 15
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_experiments_that_the_paper_page_names_exist() -> None:
    text = (ROOT / "docs" / "paper.md").read_text().partition("## Experiments")[2]
    names = re.findall(r"`(?:(?:train|evaluate) experiment=)?(\w+)`", text)
    assert len(names) > 15
    assert [name for name in names if not (CONF / "experiment" / f"{name}.yaml").is_file()] == []


def public_names() -> Iterator[str]:
    """Full names of all public classes and functions."""
    for path in PACKAGE.rglob("*.py"):
        if path.name.startswith("__"):
            continue
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name[0] != "_":
                yield f"{module}.{node.name}"


def test_every_module_is_on_a_page() -> None:
    text = "\n".join(module_pages().values())
    modules = {name.rpartition(".")[0] for name in public_names()}
    assert modules - set(re.findall(r"^::: (\S+)$", text, re.MULTILINE)) == set()


def test_the_site_is_built_without_a_warning_and_has_every_public_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.site", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    inventory = (tmp_path / "out" / "site" / "objects.inv").read_bytes()
    entries = zlib.decompress(inventory.split(b"\n", 4)[4]).decode().splitlines()
    listed = {line.split()[0] for line in entries}
    assert sorted(set(public_names()) - listed) == []
