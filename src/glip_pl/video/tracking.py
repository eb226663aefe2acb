"""Follows objects from frame to frame, by the library `trackers`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.errors import require_extra
from glip_pl.inference.result import Result

LOST_SECONDS = 1.0
"""How long an object may be hidden and still keeps its number."""


class Tracker:
    """Gives the boxes of an object the same number in all frames (ByteTrack)."""

    def __init__(self, rate: float, threshold: float) -> None:
        """`rate` in frames per second; every box above the score `threshold` starts a track.

        Raises UserError if the library is missing.
        """
        require_extra("trackers", "tracking", "video.track=true")
        from trackers import ByteTrackTracker

        self._tracker: Any = ByteTrackTracker(
            # In frames at 30 per second, which the library converts by `frame_rate`.
            lost_track_buffer=round(30 * LOST_SECONDS),
            frame_rate=rate,
            track_activation_threshold=threshold,
            high_conf_det_threshold=threshold,
            minimum_consecutive_frames=1,
        )

    def numbers(self, result: Result) -> list[int | None]:
        """The number of each box of the next frame, from 1; None for one that is seen first."""
        from supervision import Detections

        given = Detections(
            xyxy=result.boxes.numpy().astype(np.float32).reshape(-1, 4),
            confidence=result.scores.numpy(),
            class_id=result.labels.numpy(),
            data={"row": np.arange(len(result))},
        )
        tracked = self._tracker.update(given)
        found: list[int | None] = [None] * len(result)
        ids: NDArray[np.int64] | None = tracked.tracker_id
        if ids is not None and len(tracked):  # in another order than that of the boxes
            for row, number in zip(tracked.data["row"].tolist(), ids.tolist(), strict=True):
                found[row] = number + 1 if number >= 0 else None
        return found
