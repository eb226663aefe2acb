"""The doctor names what is missing, and fails only if commands would."""

import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest

from glip_pl import doctor


def test_every_finding_is_a_line_and_this_environment_is_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "glip_pl.doctor"], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    for what in ("glip_pl", "torch", "device", "processor", "folder index", "extra page"):
        assert sum(f" {what}: " in line for line in lines) == 1, what
    assert all(line.startswith(("ok ", "- ")) for line in lines)


def test_every_extra_is_known() -> None:
    declared = set(metadata("glip_pl").get_all("Provides-Extra") or [])
    assert set(doctor.EXTRAS) == declared - {"dev"}


def test_a_missing_extra_says_what_it_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"page": ("no_such_module", "a page")})
    (line,) = map(str, doctor.extras())
    assert line == "-    extra page: missing, for a page (pip install 'glip_pl[page]')"


def test_a_missing_package_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["no-such-package>=1", "torch>=999", "numpy>=1; extra == 'x'", "pillow"]
    monkeypatch.setattr(doctor, "requires", lambda name: wanted)
    missing, old, pillow = doctor.packages()
    assert str(missing) == "FAIL no-such-package: missing (pip install 'no-such-package>=1')"
    assert old.remedy == "pip install 'torch>=999'" and not pillow.remedy
    with pytest.raises(SystemExit) as stopped:
        doctor.main()
    assert stopped.value.code == 1
    assert "FAIL no-such-package" in capsys.readouterr().out


def test_a_folder_that_cannot_be_made_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GLIP_RUNS", str(tmp_path / "file/runs"))
    monkeypatch.setenv("GLIP_DATA", str(tmp_path / "new"))
    found = {finding.what: finding for finding in doctor.folders()}
    runs, data = found["folder runs"], found["folder data"]
    assert runs.needed and runs.remedy == "not writable: set GLIP_RUNS or paths.runs"
    assert data.found == f"{tmp_path}/new, made when it is needed" and not data.remedy
