"""The names of runs, and the checkpoint that a user names: a path, an address, or of a run."""

import os
import re
from pathlib import Path

from glip_pl.checkpoints.address import checkpoint_at
from glip_pl.errors import UserError

INTERACTIVE = ("bash", "interactive")
"""Names of jobs of SLURM in which a user works: Lightning does not take them for a training."""


def find_checkpoint(wanted: str | None, runs: Path, setting: str = "ckpt") -> Path:
    """A checkpoint file: a path, hf://..., or "last" or "best" of the newest run below `runs`.

    `setting` names it in messages. Raises UserError if there is none.
    """
    if not isinstance(wanted, str) or not wanted:  # null, or a number on the command line
        shown = "null" if wanted is None else wanted
        raise UserError(
            f"{setting}={shown} names no checkpoint: give a file, hf://..., best or last"
        )
    if wanted not in ("last", "best"):
        return checkpoint_at(wanted, setting)
    checkpoints = list(runs.rglob(f"checkpoints/{wanted}*.ckpt")) if runs.is_dir() else []
    if not checkpoints:
        raise UserError(
            f"no run below {runs} has a {wanted} checkpoint yet; train first, or name a file"
        )
    return max(checkpoints, key=lambda path: path.stat().st_mtime)


def run_name(resume: str | None, now: str) -> str:
    """The name of a run's folder, the same in all its processes: by default the time, `now`.

    Processes that SLURM's srun or torchrun has started begin at different moments. With resume=auto
    a job that SLURM starts again, and processes that torchrun starts again, get the name of before.
    """
    environment = os.environ
    again = resume == "auto"
    in_job = "SLURM_JOB_ID" in environment and environment.get("SLURM_JOB_NAME") not in INTERACTIVE
    if in_job and (again or int(environment.get("SLURM_NTASKS", "1")) > 1):
        keys = ("SLURM_JOB_ID", *(() if again else ("SLURM_STEP_ID", "SLURM_RESTART_COUNT")))
        return _joined("job", keys)
    if environment.get("TORCHELASTIC_RUN_ID", "none") != "none":
        keys = ("MASTER_PORT", "TORCHELASTIC_RESTART_COUNT")  # a user may use an id again
        return _joined("torchrun", ("TORCHELASTIC_RUN_ID", *(() if again else keys)))
    return now


def _joined(kind: str, keys: tuple[str, ...]) -> str:
    """A name of values of environment variables, in characters that every file system allows."""
    values = (os.environ.get(key, "0") for key in keys)
    return "_".join([kind, *(re.sub(r"[^\w.-]", "-", value) for value in values)])
