"""The job for SLURM: what it gives to srun, and when it is queued again.

SLURM is not here: two small programs note what they were given in its place.
"""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "slurm.sh"


def run(folder: Path, code: int) -> tuple[int, list[str]]:
    """The exit code of the job whose processes end with a code, and the programs it has started."""
    notes = folder / "notes.txt"
    for name, end in (("srun", f"exit {code}"), ("scontrol", "exit 0")):
        program = folder / name
        program.write_text(
            f'#!/bin/sh\necho "{name} $* cores=$SRUN_CPUS_PER_TASK" >> {notes}\n{end}\n'
        )
        program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "SLURM_JOB_ID": "123",
        "SLURM_CPUS_PER_TASK": "8",
    }
    done = subprocess.run(
        ["bash", SCRIPT, "seed=1"], env=environment, capture_output=True, check=False
    )
    return done.returncode, notes.read_text().splitlines()


@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_a_job_that_ends_or_fails_is_not_queued_again(code: int, tmp_path: Path) -> None:
    ended, (started,) = run(tmp_path, code)
    assert ended == code
    assert started.startswith("srun --kill-on-bad-exit=1 .venv/bin/python -m glip_pl.train ")
    assert started.endswith(" resume=auto seed=1 cores=8")


def test_a_job_that_has_saved_before_its_time_limit_is_queued_again(tmp_path: Path) -> None:
    _, (_, requeue) = run(tmp_path, 138)
    assert requeue.startswith("scontrol requeue 123")


def test_slurm_sends_its_signal_to_the_processes_and_queues_again_by_itself() -> None:
    options = [line for line in SCRIPT.read_text().splitlines() if line.startswith("#SBATCH")]
    assert {"#SBATCH --signal=USR1@120", "#SBATCH --requeue"} <= set(options)
