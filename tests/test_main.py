"""The console script: an overview, every command by its name, and no slow import."""

import os
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from glip_pl import __version__
from glip_pl.__main__ import COMMANDS, main, overview


def test_every_command_exists() -> None:
    for name in COMMANDS:
        assert find_spec(f"glip_pl.{name}") is not None, name


def test_the_overview_fits_a_screen() -> None:
    lines = overview().splitlines()
    assert len(lines) <= 30 and max(map(len, lines)) <= 80
    assert all(f"\n  {name} " in overview() for name in COMMANDS)


def test_help_comes_at_once() -> None:
    code = (
        "import sys; sys.argv = ['glip-pl', '--help']; from glip_pl.__main__ import main; main(); "
        "assert not {'torch', 'hydra'} & set(sys.modules)"
    )
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        seconds.append(time.perf_counter() - started)
    assert done.stdout == f"{overview()}\n"
    assert min(seconds) < 1


def test_the_version_and_an_empty_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in ((["--version"], __version__), ([], overview())):
        monkeypatch.setattr(sys, "argv", ["glip-pl", *words])
        main()
        assert capsys.readouterr().out == f"{said}\n"


def test_a_command_gets_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(os.environ, "OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setattr(sys, "argv", ["glip-pl", "predict", "image=none.png", "text=a cat"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "image=none.png names no picture" in capsys.readouterr().err


def test_an_unknown_command_names_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["glip-pl", "predicts"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "no command 'predicts'; did you mean predict?" in capsys.readouterr().err


@pytest.mark.slow
def test_processes_of_further_devices_start_the_same_command() -> None:
    """Lightning starts them by the name of the main module, which is not the console script."""
    code = (
        "import sys; sys.argv = ['glip-pl', 'train', '--cfg', 'job']; "
        "from glip_pl.__main__ import main; main(); "
        "from lightning_fabric.strategies.launchers.subprocess_script import "
        "_basic_subprocess_cmd as command; print('|'.join(command()[1:]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n-m|glip_pl.train|--cfg|job\n")
