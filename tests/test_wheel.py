"""The wheel holds all that its users need, and its description is in order."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*words, str(TOP)], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_settings_types_and_addresses_are_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        f"glip_pl/{name}" for name in ("py.typed", "fetching/sources.yaml", "__main__.py")
    } <= names
    settings = {str(path.relative_to(TOP)) for path in (TOP / "conf").rglob("*.yaml")}
    assert {f"glip_pl/{name}" for name in settings} <= names
    assert not [name for name in names if name.startswith(("tests", "scripts"))]


def test_the_description_is_in_order_and_has_no_link_that_leads_nowhere(wheel: Path) -> None:
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", str(wheel)], check=True)
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
    metadata = archive.read(name).decode()
    links = re.findall(r"\]\(([^)]+)\)", metadata)
    assert links and all(link.startswith("https://") for link in links)
    for line in ("Requires-Python: >=3.11", "Classifier: Typing :: Typed", "Keywords: "):
        assert line in metadata
    assert "Provides-Extra: page" in metadata


def test_the_wheel_runs_predict(
    wheel: Path, tiny_finding: Path, world: Path, tmp_path: Path
) -> None:
    """From the unpacked wheel alone, not from this checkout."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import glip_pl; "
        f"assert glip_pl.__file__.startswith({str(tmp_path)!r}); "
        "from glip_pl.__main__ import main; main()"
    )
    words = ["predict", f"image={world}/images/seen", "text=red circle", f"ckpt={tiny_finding}"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "predictions/predictions.json").is_file()
