"""What every tracker of experiments can do."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from PIL import Image


@runtime_checkable
class Tracker(Protocol):
    """A logger that shows pictures and tables beside the curves of single figures."""

    def log_pictures(
        self, key: str, pictures: Sequence[Image.Image], captions: Sequence[str], step: int
    ) -> None:
        """Log RGB pictures with a caption for each, as they are at a step."""

    def log_figures(self, key: str, figures: Mapping[str, float], step: int) -> None:
        """Log figures, those of single categories too, as a table."""

    def close(self) -> None:
        """End the tracker's run, so that the next job of a sweep starts its own."""
