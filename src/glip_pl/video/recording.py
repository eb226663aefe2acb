"""Writes pictures as a video."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from PIL import Image

from glip_pl.errors import UserError, first_line

CODECS = ("libx264", "mpeg4")
"""Encoders by preference: the second one is in every build of FFmpeg."""

CLOCK = Fraction(1, 1000)
"""Times in the file are whole multiples of this many seconds."""


class Recording:
    """An MP4 file; a context manager that completes the file, also after an error or Ctrl-C."""

    def __init__(self, path: Path, rate: float) -> None:
        """`rate` is the number of frames per second."""
        import av

        self.path = path
        self.frames = 0
        self._partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        self._rate = Fraction(rate).limit_denominator(1001)
        self._stream: Any = None
        self._last = -1
        self._container: Any = av.open(str(self._partial), "w", format="mp4")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Complete the file, with the frames so far; without any there is no file.

        Raises UserError if it cannot be written.
        """
        with self._told():
            if self.frames:
                self._container.mux(self._stream.encode())
            self._container.close()
        if self.frames:
            self._partial.replace(self.path)
        else:
            self._partial.unlink(missing_ok=True)

    def add(self, picture: Image.Image, seconds: float) -> None:
        """Add a frame at a time after that of the frame before; all have the size of the first.

        Raises UserError if the file cannot be written.
        """
        import av

        if self._stream is None:
            self._start(picture)
        size = (self._stream.width, self._stream.height)
        frame = av.VideoFrame.from_image(_fitted(picture, size))
        frame.time_base = CLOCK
        self._last = max(self._last + 1, round(seconds / CLOCK))
        frame.pts = self._last
        with self._told():
            self._container.mux(self._stream.encode(frame))
        self.frames += 1

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what FFmpeg raises into a UserError."""
        import av

        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise UserError(f"{self.path} cannot be written: {first_line(error)}") from error

    def _start(self, picture: Image.Image) -> None:
        """Choose the encoder and the size, whose sides must be even."""
        import av

        codec = next(name for name in CODECS if name in av.codecs_available)
        self._stream = self._container.add_stream(codec, rate=self._rate)
        self._stream.width = picture.width + picture.width % 2
        self._stream.height = picture.height + picture.height % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = CLOCK
        if codec == "mpeg4":
            self._stream.bit_rate = 4 * self._stream.width * self._stream.height * self._rate // 25


def _fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture on a sheet of this size: an odd side has a black line more."""
    if picture.size == size:
        return picture
    sheet = Image.new("RGB", size)
    sheet.paste(picture)
    return sheet
