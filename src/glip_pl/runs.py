"""From what a person types for a checkpoint to a file: a path, a hub address, or a run's."""

from pathlib import Path

from glip_pl.checkpoints import hub
from glip_pl.errors import UserError


def find_checkpoint(wanted: str, runs: Path) -> Path:
    """A checkpoint file: a path, hf://..., or "last"/"best" of the newest run below `runs`.

    Raises UserError if there is none.
    """
    if not isinstance(wanted, str):  # null or a number on the command line
        raise UserError(f"ckpt={wanted} names no checkpoint: give a file, hf://..., best or last")
    if wanted.startswith(hub.SCHEME):
        return hub.download(wanted)
    if wanted not in ("last", "best"):
        path = Path(wanted).expanduser()
        if not path.is_file():
            raise UserError(f"no such checkpoint: {path}")
        return path
    found = list(runs.rglob(f"checkpoints/{wanted}*.ckpt")) if runs.is_dir() else []
    if not found:
        raise UserError(
            f"no run below {runs} has a {wanted} checkpoint yet; train first, or name a file"
        )
    return max(found, key=lambda path: path.stat().st_mtime)
