"""Commands whose reader closes the pipe, as `head` does after its last line."""

import os
import subprocess
import sys

import pytest

from glip_pl.terminal.closed_output import EXIT_CLOSED, ends_with_its_reader

CLEAN = ["glip_pl", "data", "clean", "paths.index=/nowhere", "paths.shards=/nowhere"]
"""A command that prints within Hydra."""


@pytest.mark.parametrize(
    "words",
    [
        ["glip_pl", "--help"],
        ["glip_pl.fetch", "--list"],
        pytest.param(CLEAN, marks=pytest.mark.slow),
        pytest.param(["glip_pl.data", "--help"], marks=pytest.mark.slow),
        pytest.param(["glip_pl.doctor"], marks=pytest.mark.slow),
        pytest.param(["glip_pl.train", "--cfg", "job"], marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("unbuffered", ["", pytest.param("1", marks=pytest.mark.slow)])
def test_a_command_that_nobody_reads_ends_quietly(words: list[str], unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", *words],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (EXIT_CLOSED, "")


def test_what_a_reader_takes_is_whole() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m glip_pl --help | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, EXIT_CLOSED)  # it may have written all before `head` ended
    assert done.stdout.startswith("glip-pl <command>")
    assert done.stderr == ""


def test_errors_of_other_pipes_are_raised() -> None:
    with pytest.raises(BrokenPipeError, match="of a worker"), ends_with_its_reader():
        raise BrokenPipeError("of a worker")


def test_other_exit_codes_stay() -> None:
    with pytest.raises(SystemExit) as stopped, ends_with_its_reader():
        sys.exit(3)
    assert stopped.value.code == 3
