"""Finds the checkpoint that a user names: by a path, by an address on the hub, or of a run."""

from pathlib import Path

from glip_pl.checkpoints.address import checkpoint_at
from glip_pl.errors import UserError


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
