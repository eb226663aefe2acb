"""Finds the checkpoint that a user names: by a path, by an address on the hub, or of a run."""

from pathlib import Path

from glip_pl.checkpoints.model_folder import checkpoint_file
from glip_pl.errors import UserError
from glip_pl.pretrained import hub


def find_checkpoint(wanted: str | None, runs: Path, setting: str = "ckpt") -> Path:
    """A checkpoint file: a path, hf://..., or "last" or "best" of the newest run below `runs`.

    `setting` names it in messages. Raises UserError if there is none.
    """
    if not isinstance(wanted, str) or not wanted:  # null, or a number on the command line
        shown = "null" if wanted is None else wanted
        raise UserError(
            f"{setting}={shown} names no checkpoint: give a file, hf://..., best or last"
        )
    model = hub.MODEL_ADDRESS.fullmatch(wanted)
    if model is not None:
        return checkpoint_file(hub.download_model(model["name"]))
    if wanted.startswith(hub.SCHEME):
        return hub.download(wanted)
    if wanted not in ("last", "best"):
        return _existing(wanted, setting)
    checkpoints = list(runs.rglob(f"checkpoints/{wanted}*.ckpt")) if runs.is_dir() else []
    if not checkpoints:
        raise UserError(
            f"no run below {runs} has a {wanted} checkpoint yet; train first, or name a file"
        )
    return max(checkpoints, key=lambda path: path.stat().st_mtime)


def _existing(wanted: str, setting: str) -> Path:
    """The file at a path. Raises UserError if it is another address, a folder or missing."""
    if "://" in wanted:
        raise UserError(
            f"{setting}={wanted} is an address from which nothing is downloaded: download the file "
            "and give its path; only hf://owner/repository/file is fetched"
        )
    path = checkpoint_file(Path(wanted).expanduser())
    if path.is_dir():
        inside = next((str(file) for file in sorted(path.rglob("*.ckpt"))), None)
        example = f", such as {inside}" if inside else ""
        raise UserError(
            f"{path} is a folder, not a checkpoint: name a file{example} (the setting `{setting}`)"
        )
    if not path.is_file():
        raise UserError(f"no such checkpoint: {path} (the setting `{setting}`)")
    return path
