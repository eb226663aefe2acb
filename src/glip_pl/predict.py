"""Predict: `python -m glip_pl.predict image=photo.jpg text="a red star. two blue rings"`."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from PIL import Image

from glip_pl.boxes import plain
from glip_pl.data.images import find_images, load_image, upright
from glip_pl.errors import UserError
from glip_pl.files.writing import write_json
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.drawing import draw
from glip_pl.inference.learned_prompt import LearnedPrompt, read_prompt
from glip_pl.inference.predictor import Predictor, Vocabulary
from glip_pl.prompts.prompt_from_text import text_prompt
from glip_pl.running.cli import command
from glip_pl.running.runs import find_checkpoint
from glip_pl.terminal.progress import with_progress
from glip_pl.types import Detections, Prompt

log = logging.getLogger(__name__)

SHOWN_FILES = 5
"""Number of unreadable pictures that the error message names."""


def predict(config: DictConfig) -> None:
    """Detect objects in the pictures of `image`; write pictures with boxes and predictions.json.

    Raises UserError for wrong settings at once, and for unreadable pictures at the end.
    """
    _check_query(config)
    names = None if config.names is None else _read_names(Path(config.names).expanduser())
    learned = None if config.prompt is None else read_prompt(Path(config.prompt).expanduser())
    paths = find_images(config.image)
    folder = _writable(Path(config.output).expanduser())
    predictor = _load_predictor(config)
    query = _query(predictor, config.text, names, learned)
    prompt = query.prompt if isinstance(query, Vocabulary) else query
    predictions = Predictions(folder, prompt)
    try:
        unreadable = _detect(predictor, query, paths, config.threshold, predictions)
    finally:  # Ctrl-C keeps the predictions made so far
        predictions.write_report()
    if not predictions.entries:
        raise UserError(f"none of the {len(paths)} pictures could be read")
    print(predictions.summary())
    if unreadable:
        shown = ", ".join(map(str, unreadable[:SHOWN_FILES]))
        raise UserError(f"{len(unreadable)} pictures could not be read: {shown}")


def _check_query(config: DictConfig) -> None:
    """Raise UserError unless exactly one of `text`, `names` and `prompt` is set and not empty."""
    if sum(config[key] is not None for key in ("text", "names", "prompt")) != 1:
        raise UserError(
            'say what to look for: text="a cat. two dogs", names=<file with a name per line>, or '
            "prompt=<file of tuning=prompt>"
        )
    if config.text is not None:
        text_prompt(str(config.text))  # raises before a model is loaded


def _read_names(path: Path) -> list[str]:
    """The lines of a text file that are not empty. Raises UserError if it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the names: {error} (the setting `names`)") from error
    return [line.strip() for line in lines if line.strip()]


def _writable(folder: Path) -> Path:
    """The folder, which is made if necessary. Raises UserError if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError("no permission to write")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error} (the setting `output`)") from error
    return folder


def _load_predictor(config: DictConfig) -> Predictor:
    """The model, whose decoder keeps at least the detections above the setting `threshold`."""
    checkpoint = find_checkpoint(config.ckpt, Path(config.paths.runs))
    score_threshold = min(config.threshold, Decoder.score_threshold)
    return Predictor.load(
        checkpoint, config.device, config.tokenizer.source, score_threshold=score_threshold
    )


def _query(
    predictor: Predictor, text: Any, names: list[str] | None, learned: LearnedPrompt | None
) -> Prompt | Vocabulary:
    """What to detect: a learned prompt, any number of names, or the phrases of a text."""
    if learned is not None:
        return predictor.learned(learned)
    return predictor.prompt(str(text)) if names is None else predictor.vocabulary(names)


def _detect(
    predictor: Predictor,
    query: Prompt | Vocabulary,
    paths: Sequence[Path],
    threshold: float,
    predictions: "Predictions",
) -> list[Path]:
    """Add the detections above the threshold in every picture; returns the unreadable files.

    Raises UserError if the only picture cannot be read.
    """
    unreadable: list[Path] = []
    for path in with_progress(paths, len(paths), "picture"):
        try:
            image = upright(load_image(path))
        except UserError as error:
            if len(paths) == 1:
                raise
            log.warning("%s", error)
            unreadable.append(path)
            continue
        predictions.add(path, image, predictor(image, query).above(threshold))
    return unreadable


@dataclass
class Predictions:
    """The output folder: a picture with boxes for each image, and predictions.json."""

    folder: Path
    prompt: Prompt
    entries: list[dict[str, Any]] = field(default_factory=list)  # of predictions.json
    pictures: set[Path] = field(default_factory=set)  # files written so far

    @property
    def report(self) -> Path:
        """The path of predictions.json."""
        return self.folder / "predictions.json"

    def add(self, path: Path, image: Image.Image, detections: Detections) -> None:
        """Draw the detections in the image of the file `path`, and keep its entry."""
        picture = self.folder / f"{path.stem}_{path.suffix[1:]}.png"
        if picture in self.pictures:  # files in different folders may have the same name
            picture = self.folder / f"{len(self.entries):05d}_{picture.name}"
        self.pictures.add(picture)
        phrases = [self.prompt.phrase_text(phrase) for phrase in detections.phrase_ids.tolist()]
        draw(image, detections.boxes, phrases, detections.scores).save(picture)
        self.entries.append(entry(path, picture, image, detections, self.prompt))

    def write_report(self) -> None:
        """Write predictions.json, if there is any entry."""
        if self.entries:
            write_json(self.report, {"prompt": self.prompt.caption, "images": self.entries})

    def summary(self) -> str:
        """The number of boxes and pictures, and where they are."""
        boxes = sum(len(image_entry["boxes"]) for image_entry in self.entries)
        return f"{boxes} boxes in {len(self.entries)} pictures: {self.folder} and {self.report}"


def entry(
    path: Path, picture: Path, image: Image.Image, detections: Detections, prompt: Prompt
) -> dict[str, Any]:
    """An image's entry in predictions.json; boxes are [x1, y1, x2, y2], x2 - x1 is the width."""
    return {
        "file": str(path),
        "picture": picture.name,
        "width": image.width,
        "height": image.height,
        "boxes": [
            {
                "phrase": prompt.phrase_text(int(phrase)),
                "phrase_id": int(phrase),
                "score": round(float(score), 4),
                "box": [round(float(corner), 2) for corner in box],
            }
            for box, score, phrase in zip(
                plain(detections.boxes), detections.scores, detections.phrase_ids, strict=True
            )
        ],
    }


main = command("predict")(predict)

if __name__ == "__main__":
    main()
