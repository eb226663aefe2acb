"""Finds the checkpoint that a user names: by a path, by an address on the hub, or of a run."""

from pathlib import Path

from glip_pl.errors import UserError
from glip_pl.pretrained import hub


def find_checkpoint(wanted: str, runs: Path) -> Path:
    """A checkpoint file: a path, hf://..., or "last" or "best" of the newest run below `runs`.

    Raises UserError if there is none.
    """
    if not isinstance(wanted, str):  # null or a number on the command line
        raise UserError(f"ckpt={wanted} names no checkpoint: give a file, hf://..., best or last")
    if wanted.startswith(hub.SCHEME):
        return hub.download(wanted)
    if wanted not in ("last", "best"):
        path = Path(wanted).expanduser()
        if path.is_dir():
            raise UserError(f"{path} is a folder, not a checkpoint: name a file (the setting ckpt)")
        if not path.is_file():
            raise UserError(f"no such checkpoint: {path}")
        return path
    checkpoints = list(runs.rglob(f"checkpoints/{wanted}*.ckpt")) if runs.is_dir() else []
    if not checkpoints:
        raise UserError(
            f"no run below {runs} has a {wanted} checkpoint yet; train first, or name a file"
        )
    return max(checkpoints, key=lambda path: path.stat().st_mtime)
