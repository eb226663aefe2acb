"""Finds a checkpoint by its path or by its address on the hub."""

from pathlib import Path

from glip_pl.checkpoints.model_folder import checkpoint_file
from glip_pl.errors import UserError
from glip_pl.pretrained import hub


def checkpoint_at(wanted: str, setting: str = "ckpt") -> Path:
    """The file of a checkpoint: a path, a model's folder, hf://owner/name or hf://owner/name/file.

    `setting` names it in messages. Raises UserError if there is none or it cannot be downloaded.
    """
    model = hub.MODEL_ADDRESS.fullmatch(wanted)
    if model is not None:
        return checkpoint_file(hub.download_model(model["name"]))
    return hub.download(wanted) if wanted.startswith(hub.SCHEME) else _existing(wanted, setting)


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
