"""Follows objects from frame to frame, by the library `trackers`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.errors import require_extra
from glip_pl.inference.result import Result

LOST_SECONDS = 1.0
"""How long an object may be hidden and still keeps its number."""


class Tracker:
    """Gives the boxes of an object the same number in all frames (ByteTrack).

    Each name is followed on its own: the tracker sees positions only, and would confuse the boxes
    of several names at the same place.
    """

    def __init__(self, rate: float, threshold: float) -> None:
        """`rate` in frames per second; every box above the score `threshold` starts a track.

        Raises UserError if the library is missing.
        """
        require_extra("trackers", "tracking", "video.track=true")
        self._rate = rate
        self._threshold = threshold
        self._trackers: dict[int, Any] = {}  # by label
        self._numbers: dict[tuple[int, int], int] = {}  # by label and the tracker's own number

    def numbers(self, result: Result) -> list[int | None]:
        """The number of each box of the next frame, from 1; None for one that is seen first."""
        labels = result.labels.numpy()
        found: list[int | None] = [None] * len(result)
        for label in sorted({*self._trackers, *labels.tolist()}):  # lost ones grow older, too
            rows = np.flatnonzero(labels == label)
            for row, own in self._followed(label, result, rows):
                found[row] = self._numbers.setdefault((label, own), len(self._numbers) + 1)
        return found

    def _followed(
        self, label: int, result: Result, rows: NDArray[np.int64]
    ) -> list[tuple[int, int]]:
        """The rows of a name's boxes that have a track, each with the tracker's number."""
        from supervision import Detections

        given = Detections(
            xyxy=result.boxes.numpy()[rows].astype(np.float32).reshape(-1, 4),
            confidence=result.scores.numpy()[rows],
            data={"row": rows},
        )
        if label not in self._trackers:
            self._trackers[label] = self._new()
        tracked = self._trackers[label].update(given)
        if tracked.tracker_id is None or not len(tracked):
            return []
        pairs = zip(tracked.data["row"].tolist(), tracked.tracker_id.tolist(), strict=True)
        return [(row, own) for row, own in pairs if own >= 0]  # in another order than the boxes

    def _new(self) -> Any:
        from trackers import ByteTrackTracker

        return ByteTrackTracker(
            lost_track_buffer=round(30 * LOST_SECONDS),  # at 30 per second, whatever the rate is
            frame_rate=self._rate,
            track_activation_threshold=self._threshold,
            high_conf_det_threshold=self._threshold,
            minimum_consecutive_frames=1,
        )
