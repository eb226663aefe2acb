"""Remembers which images of an evaluation could not be read, and tells of them once."""

import logging
from collections.abc import Mapping

import torch.distributed as dist

from glip_pl.errors import UserError, some

log = logging.getLogger(__name__)

MANY = 100
"""Number of images that cannot be read from which on an evaluation may be stopped."""


class UnreadableImages:
    """Why images of an evaluation set cannot be read, by image id."""

    def __init__(self, name: str) -> None:
        """`name` is the set's name in messages."""
        self.name = name
        self.reasons: dict[int, str] = {}
        self.images = 0  # read and unreadable ones of this process
        self._reported: set[int] = set()

    def start(self) -> None:
        """Begin a new evaluation, for which files may have been repaired."""
        self.reasons = {}
        self.images = 0

    def add(self, reasons: Mapping[int, str], images: int) -> None:
        """Add the unreadable ones of some images.

        Raises UserError if most images so far, and MANY of them, cannot be read.
        """
        self.reasons |= reasons
        self.images += images
        count = len(self.reasons)
        if count >= MANY and 2 * count > self.images:
            raise UserError(
                f"{self.name}: {count} of {self.images} images cannot be read, too many for an "
                f"evaluation: {some(list(self.reasons.values()), 1)}"
            )

    def gather(self, images: int) -> None:
        """Join those of all processes, and log them if they are not known from an earlier call.

        Every process must call this; `images` is the number of all images of the set.
        """
        self.reasons = _of_all_processes(self.reasons)
        if not self.reasons.keys() <= self._reported and _is_first_process():
            log.warning(
                "%s: %d of %d images cannot be read. Their objects count as missed, so the figures "
                "are not those of the whole set: %s",
                self.name,
                len(self.reasons),
                images,
                some(list(self.reasons.values())),
            )
        self._reported = set(self.reasons)


def _is_first_process() -> bool:
    return not _several_processes() or dist.get_rank() == 0


def _several_processes() -> bool:
    return dist.is_available() and dist.is_initialized()


def _of_all_processes(own: dict[int, str]) -> dict[int, str]:
    """The entries of the dictionaries of all processes, by ascending key."""
    parts: list[dict[int, str] | None] = [own]
    if _several_processes():
        parts = [None] * dist.get_world_size()
        dist.all_gather_object(parts, own)
    return dict(sorted(item for part in parts if part for item in part.items()))
