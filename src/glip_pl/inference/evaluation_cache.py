"""What an evaluation has found so far, on disk, so that an interruption loses half a minute."""

import logging
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from glip_pl.types import Detections

log = logging.getLogger(__name__)

SAVE_INTERVAL = 30.0
"""Seconds between two files."""


class EvaluationCache:
    """Detections of a set's images; each process writes files of its own, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waiting: list[tuple[int, Detections]] = []
        self.saved = time.monotonic()

    def add(self, image_ids: Sequence[int], found: Sequence[Detections]) -> None:
        """Remember, and write now and then."""
        self.waiting += [
            (one, boxes.to("cpu")) for one, boxes in zip(image_ids, found, strict=True)
        ]
        if time.monotonic() - self.saved > SAVE_INTERVAL:
            self.save()

    def save(self) -> None:
        """Write what was added since the last time."""
        self.saved = time.monotonic()
        if not self.waiting:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.folder / f"{uuid.uuid4().hex}.safetensors"
        half = place.with_suffix(".tmp")
        save_file(_packed(self.waiting), half)
        half.replace(place)
        self.waiting = []

    def load(self) -> dict[int, Detections]:
        """What earlier tries have found, by image."""
        found: dict[int, Detections] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                found |= _unpacked(load_file(path))
            except (SafetensorError, OSError, KeyError, RuntimeError) as error:
                log.warning("%s cannot be read, its images are done again: %s", path, error)
        return found

    def remove(self) -> None:
        """The evaluation is finished."""
        self.waiting = []
        shutil.rmtree(self.folder, ignore_errors=True)


def _packed(images: Sequence[tuple[int, Detections]]) -> dict[str, Tensor]:
    return {
        "image_ids": torch.tensor([one for one, _ in images]),
        "counts": torch.tensor([len(found) for _, found in images]),
        "boxes": torch.cat([found.boxes for _, found in images]),
        "scores": torch.cat([found.scores for _, found in images]),
        "phrase_ids": torch.cat([found.phrase_ids for _, found in images]),
    }


def _unpacked(packed: dict[str, Tensor]) -> dict[int, Detections]:
    counts = packed["counts"].tolist()
    parts = zip(
        *(packed[name].split(counts) for name in ("boxes", "scores", "phrase_ids")), strict=True
    )
    return {
        int(image): Detections(*part)
        for image, part in zip(packed["image_ids"].tolist(), parts, strict=True)
    }
