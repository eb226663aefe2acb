"""Folders of runs, and what a person types for a checkpoint: a path, a hub address, or a run's."""

import os
from pathlib import Path

from glip_pl.errors import UserError
from glip_pl.pretrained import hub


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


def claim(folder: Path, key: str) -> None:
    """Mark a folder as that of the run with these settings. Raises UserError if it is another's.

    A run that has left nothing to go on with has no claim.
    """
    mark = folder / "settings_key.txt"
    left = [folder / "results.json", folder / "checkpoints" / "last.ckpt"]
    if mark.is_file() and mark.read_text() != key and any(one.is_file() for one in left):
        raise UserError(
            f"{folder} holds a run with other settings, which resume=auto would go on with: "
            "remove it, or choose another folder (hydra.sweep.dir or hydra.run.dir)"
        )
    folder.mkdir(parents=True, exist_ok=True)
    new = mark.with_name(f"{mark.name}.{os.getpid()}")
    new.write_text(key)
    new.replace(mark)  # whole, for other processes of the same run
