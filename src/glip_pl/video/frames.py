"""Reads the frames of a video, turned upright, at a chosen rate."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from PIL import Image

from glip_pl.data.pixel_limit import max_pixels
from glip_pl.errors import UserError, first_line, require_extra

log = logging.getLogger(__name__)

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp"}
)
"""Ends of the names of files that are taken for videos."""

USUAL_RATE = 25.0
"""Frames per second of a video that does not say how many it has."""


def is_video(name: str | Path) -> bool:
    """Whether a file is a video by its name."""
    return Path(name).suffix.lower() in SUFFIXES


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video."""

    number: int  # in the file, from 0
    seconds: float  # from the first frame
    image: Image.Image  # RGB, upright


class Video:
    """The frames of a file; a context manager, which closes it."""

    def __init__(self, path: Path, rate: float | None = None) -> None:
        """`rate` is the number of frames for each second; None: all.

        Raises UserError if PyAV is missing, or if the file is no video.
        """
        require_extra("av", "video", "a video")
        import av

        self.path = path
        try:
            self._container: Any = av.open(str(path), metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            raise UserError(f"{path} cannot be read as a video: {first_line(error)}") from error
        streams = self._container.streams.video
        if not streams:
            self._container.close()
            raise UserError(f"{path} has no pictures: it holds sound or data alone")
        self._stream: Any = streams[0]
        self._stream.thread_type = "AUTO"
        self.own_rate = float(self._stream.average_rate or 0) or USUAL_RATE
        self.rate = self.own_rate if rate is None else min(rate, self.own_rate)
        size = (self._stream.codec_context.width, self._stream.codec_context.height)
        if math.prod(size) > max_pixels():
            self._container.close()
            raise UserError(f"{path} has frames of {size[0]} x {size[1]} pixels: too many")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._container.close()

    def __len__(self) -> int:
        """About how many frames there are; 0 if the file does not say."""
        frames = self._stream.frames
        if not frames and self._container.duration:
            frames = self._container.duration / 1_000_000 * self.own_rate
        return max(1, round(frames * self.rate / self.own_rate)) if frames else 0

    def __iter__(self) -> Iterator[Frame]:
        """Decode the frames in their order; those between the chosen ones are skipped.

        A file that is damaged after some frames ends there, with a warning. Raises UserError if it
        has no frame that can be read.
        """
        due, count = 0.0, 0
        for frame in self._decoded():
            count += 1
            # Half a frame early, so that rounded times do not skip a frame that is due.
            if frame.seconds >= due - 0.5 / self.own_rate:
                yield frame
                due = max(due + 1 / self.rate, frame.seconds + 0.5 / self.rate)
        if not count:
            raise UserError(f"{self.path} has no frame that can be read")

    def _decoded(self) -> Iterator[Frame]:
        """All frames until the end, or until the damage."""
        import av

        start, number = None, 0
        frames = self._container.decode(self._stream)
        while True:
            try:
                frame = next(frames, None)
            except (av.FFmpegError, OSError) as error:
                message = "%s is damaged after %d frames, which are all that is read: %s"
                log.warning(message, self.path, number, first_line(error))
                return
            if frame is None:
                return
            seconds = number / self.own_rate if frame.time is None else float(frame.time)
            start = seconds if start is None else start
            yield Frame(number, max(0.0, seconds - start), _upright(frame))
            number += 1


def _upright(frame: Any) -> Image.Image:
    """A decoded frame as RGB, turned as the file says that it is to be shown."""
    image: Image.Image = frame.to_image()
    turns = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180}
    turns[270] = Image.Transpose.ROTATE_270
    turn = turns.get(round(frame.rotation) % 360)  # degrees, counterclockwise
    return image if turn is None else image.transpose(turn)
