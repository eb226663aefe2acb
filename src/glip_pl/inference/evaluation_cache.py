"""Detections of an unfinished evaluation on disk, so that little is lost if it is interrupted."""

import hashlib
import logging
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from glip_pl.files.writing import write_whole
from glip_pl.types import Detections

log = logging.getLogger(__name__)

SAVE_INTERVAL = 30.0
"""Seconds between two files of a process."""

CHECKSUM = "sha256"
"""Key of the checksum in the metadata of a file."""


class EvaluationCache:
    """Detections by image of one evaluation set; each process writes files of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unsaved: list[tuple[int, Detections]] = []
        self.last_saved = time.monotonic()

    def add(self, image_ids: Sequence[int], detections: Sequence[Detections]) -> None:
        """Add images with the detections in each, and save if SAVE_INTERVAL has passed."""
        self.unsaved += [
            (image_id, of_image.to("cpu"))
            for image_id, of_image in zip(image_ids, detections, strict=True)
        ]
        if time.monotonic() - self.last_saved > SAVE_INTERVAL:
            self.save()

    def save(self) -> None:
        """Write everything that was added since the last save to a new file."""
        self.last_saved = time.monotonic()
        if not self.unsaved:
            return
        with write_whole(self.folder / f"{uuid.uuid4().hex}.safetensors") as partial:
            tensors = _packed(self.unsaved)
            save_file(tensors, partial, {CHECKSUM: _sha256_of(tensors)})
        self.unsaved = []

    def load(self) -> dict[int, Detections]:
        """Saved detections of all processes and earlier attempts, by image id.

        A warning names files that are damaged; their images have to be evaluated again.
        """
        detections: dict[int, Detections] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                detections |= _unpacked(_read(path))
            except (SafetensorError, OSError, KeyError, RuntimeError, ValueError) as error:
                log.warning("%s cannot be read, its images are evaluated again: %s", path, error)
        return detections

    def remove(self) -> None:
        """Delete all files and everything that was added: the evaluation is finished.

        The folder around them is removed with the last of its sets.
        """
        self.unsaved = []
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # there are other sets
            self.folder.parent.rmdir()


def log_others(folder: Path) -> None:
    """Tell what unfinished evaluations beside that of `folder` hold on the disk."""
    others = [path for path in folder.parent.glob("*") if path.name != folder.name]
    size = sum(file.stat().st_size for path in others for file in path.rglob("*.safetensors"))
    if others:
        message = "%s has %d unfinished evaluations of other weights or settings (%.1f MB)"
        log.info(message, folder.parent, len(others), size / 1e6)


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file. Raises ValueError if they are not those that were written."""
    with safe_open(path, framework="pt") as file:
        checksum = (file.metadata() or {}).get(CHECKSUM)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    if checksum != _sha256_of(tensors):
        raise ValueError("its content does not have the checksum that was written")
    return tensors


def _sha256_of(tensors: Mapping[str, Tensor]) -> str:
    """Checksum of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _packed(images: Sequence[tuple[int, Detections]]) -> dict[str, Tensor]:
    """Detections of several images as flat tensors."""
    return {
        "image_ids": torch.tensor([image_id for image_id, _ in images]),
        "counts": torch.tensor([len(detections) for _, detections in images]),
        "boxes": torch.cat([detections.boxes for _, detections in images]),
        "scores": torch.cat([detections.scores for _, detections in images]),
        "phrase_ids": torch.cat([detections.phrase_ids for _, detections in images]),
    }


def _unpacked(packed: dict[str, Tensor]) -> dict[int, Detections]:
    counts = packed["counts"].tolist()
    columns = (packed[name].split(counts) for name in ("boxes", "scores", "phrase_ids"))
    return {
        int(image_id): Detections(*tensors)
        for image_id, *tensors in zip(packed["image_ids"].tolist(), *columns, strict=True)
    }
