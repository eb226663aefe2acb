"""Small videos for tests."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw


def write_clip(
    path: Path, pictures: Sequence[Image.Image], rate: int = 10, codec: str = "mpeg4"
) -> Path:
    """A video of pictures of equal, even size."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    return path


def moving(count: int, size: tuple[int, int] = (96, 64)) -> list[Image.Image]:
    """Pictures of a red square that moves to the right, by four pixels each."""
    pictures = []
    for number in range(count):
        picture = Image.new("RGB", size, "white")
        left = 4 + 4 * number
        ImageDraw.Draw(picture).rectangle((left, 20, left + 15, 35), fill=(220, 0, 0))
        pictures.append(picture)
    return pictures


def turned(path: Path, degrees: int) -> Path:
    """The MP4 file, marked as to be shown turned clockwise, as telephones write it."""
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    unit = 1 << 16
    matrix = [cosine * unit, sine * unit, 0, -sine * unit, cosine * unit, 0, 0, 0, 1 << 30]
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40  # the box of version 0 has its matrix there
    content[place : place + 36] = np.array(matrix, dtype=">i4").tobytes()
    path.write_bytes(content)
    return path


def red_box(image: Image.Image) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is red."""
    red, green, _ = np.moveaxis(np.asarray(image).astype(int), 2, 0)
    rows, columns = np.nonzero(red - green > 100)
    return columns.min(), rows.min(), columns.max(), rows.max()
