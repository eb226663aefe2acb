"""Builds the website of the documentation: `python -m scripts.site [output]`.

Its pages are README.md, `docs/`, and the reference, which is made from `conf/` and docstrings. It
needs no network, and fails at the first link or reference that leads nowhere.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.site.reference import Pages, module_pages, setting_pages
from scripts.site.settings import all_files

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("zensical.toml")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    stage(folder)
    subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"], cwd=folder, check=True
    )
    print(f"site: {folder}/site/index.html")


def stage(folder: Path) -> None:
    """Write all pages, pictures and the configuration into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder / "docs")
    for page in ("CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff"):
        shutil.copy(ROOT / page, folder / "docs")
    pages = {**setting_pages(all_files()), **module_pages()}
    pages["index.md"] = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, text in pages.items():
        path = folder / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in (folder / "docs").glob("*.md"):
        path.write_text(moved_links(path.read_text(encoding="utf-8")), encoding="utf-8")
    for path in (folder / "docs" / "tutorials").glob("*.md"):
        text = path.read_text(encoding="utf-8").replace("](../../", "](../")
        path.write_text(text, encoding="utf-8")
    config = CONFIG.read_text(encoding="utf-8")
    listed = folder / "zensical.toml"
    listed.write_text(
        config.replace("@reference@", _reference(pages)).replace("@root@", str(ROOT)),
        encoding="utf-8",
    )


def moved_links(text: str) -> str:
    """A page whose links to files of the repository lead to the pages of the site instead."""
    text = re.sub(r"\]\((?:\.\./)?docs/", "](", text)
    return re.sub(r"\]\(\.\./", "](", text)


def _reference(pages: Pages) -> str:
    """Entries of the navigation for the generated pages, in TOML."""
    lines = []
    for title, folder in (("Settings", "settings"), ("Python modules", "api")):
        names = sorted(name for name in pages if name.startswith(f"{folder}/"))
        entries = ", ".join(f'"{name}"' for name in names)
        lines.append(f'  {{"{title}" = [{entries}]}},')
    return "\n".join(lines)


if __name__ == "__main__":
    main()
