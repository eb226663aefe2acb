"""Detects objects in a video; writes an annotated video and a line of JSON for each frame."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from glip_pl.files.writing import write_json
from glip_pl.inference.drawing import draw
from glip_pl.inference.encoded_query import EncodedQuery
from glip_pl.inference.image_input import ImageSource
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.result import Result
from glip_pl.terminal.progress import with_progress
from glip_pl.video.frames import Frame, Video
from glip_pl.video.recording import Recording
from glip_pl.video.tracking import Tracker


@dataclass(frozen=True)
class VideoOptions:
    """How a video is searched."""

    threshold: float
    max_boxes: int
    tiles: int | None = None
    rate: float | None = None  # frames for each second; None: all
    track: bool = False  # whether objects are followed and numbered


def annotate_video(
    predictor: Predictor,
    query: EncodedQuery,
    path: Path,
    folder: Path,
    options: VideoOptions,
    origin: dict[str, Any],
) -> None:
    """Write `<name>_boxes.mp4`, `.jsonl` and `.json` (with `origin`) to a folder.

    After Ctrl-C, all three hold the frames so far. Raises UserError if the video cannot be read or
    an extra is missing.
    """
    video_file, lines_file, about_file = (
        folder / f"{path.stem}_boxes{suffix}" for suffix in (".mp4", ".jsonl", ".json")
    )
    with (
        Video(path, options.rate) as video,
        lines_file.open("w", encoding="utf-8") as lines,
        Recording(video_file, video.rate) as recording,
    ):
        frames = 0
        try:
            for frame, result, numbers in _numbered(predictor, query, video, options):
                lines.write(json.dumps(line_of(frame, result, numbers)) + "\n")
                lines.flush()
                recording.add(_drawn(result, numbers), frame.seconds)
                frames += 1
        finally:
            about = {"video": str(path), "frames": frames, "rate": video.rate}
            write_json(about_file, {**about, "track": options.track, **origin})
            print(f"{frames} frames: {video_file}, boxes: {lines_file}")


def _numbered(
    predictor: Predictor, query: EncodedQuery, video: Video, options: VideoOptions
) -> Iterator[tuple[Frame, Result, list[int | None] | None]]:
    """Every frame, what is found in it, and the numbers of its objects if they are followed."""
    tracker = Tracker(video.rate, options.threshold) if options.track else None
    for frame, result in _results(predictor, query, video, options):
        yield frame, result, tracker.numbers(result) if tracker else None


def _results(
    predictor: Predictor, query: EncodedQuery, video: Video, options: VideoOptions
) -> Iterator[tuple[Frame, Result]]:
    """Every frame with what is found in it."""
    waiting: deque[Frame] = deque()

    def sources() -> Iterator[tuple[ImageSource, EncodedQuery]]:
        for frame in _shown(video):
            waiting.append(frame)
            yield ImageSource(f"frame {frame.number}", None, frame.image), query

    for result in predictor.stream(sources(), options.threshold, options.max_boxes, options.tiles):
        yield waiting.popleft(), result


def _shown(video: Video) -> Iterable[Frame]:
    """The frames, with progress if their number is known."""
    return with_progress(video, len(video), "frame") if len(video) else video


def line_of(frame: Frame, result: Result, numbers: list[int | None] | None) -> dict[str, Any]:
    """What the lines file holds of a frame: boxes in pixels, x2 - x1 is the width."""
    boxes = []
    for row, (name, _, score, box) in enumerate(result.rows()):
        entry = {"phrase": name, "score": round(score, 4), "box": [round(side, 2) for side in box]}
        boxes.append(entry if numbers is None else {**entry, "track": numbers[row]})
    return {"frame": frame.number, "seconds": round(frame.seconds, 3), "boxes": boxes}


def _drawn(result: Result, numbers: list[int | None] | None) -> Image.Image:
    """The frame with its boxes; the number of a track follows the name, and chooses the colour."""
    names = result.names
    if numbers is not None:
        named = zip(names, numbers, strict=True)
        names = [name if number is None else f"{name} #{number}" for name, number in named]
    return draw(result.image, result.inclusive, names, result.scores)


def check_video(path: Path, options: VideoOptions) -> None:
    """Raise UserError, before a model is loaded, if a file is no video or an extra is missing."""
    with Video(path, options.rate) as video:
        if options.track:
            Tracker(video.rate, options.threshold)
