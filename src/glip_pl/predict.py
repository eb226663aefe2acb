"""Predict: `python -m glip_pl.predict image=photo.jpg text="a red star. two blue rings"`."""

import json
import logging
import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from PIL import Image
from rich.progress import track

from glip_pl.boxes import plain
from glip_pl.data.images import find_images, load_image, upright
from glip_pl.errors import UserError
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.drawing import draw
from glip_pl.inference.learned_prompt import read_prompt
from glip_pl.inference.predictor import Predictor, Vocabulary
from glip_pl.prompts.building import text_prompt
from glip_pl.running.cli import command
from glip_pl.running.runs import find_checkpoint
from glip_pl.types import Detections, Prompt

log = logging.getLogger(__name__)


def predict(config: DictConfig) -> None:
    """Draw and write what is found in every picture that `image` names."""
    names = _names(config)
    learned = None if config.prompt is None else read_prompt(Path(config.prompt).expanduser())
    paths = find_images(config.image)
    folder = _writable(Path(config.output).expanduser())
    checkpoint = find_checkpoint(config.ckpt, Path(config.paths.runs))
    decoding = {"score_threshold": min(config.threshold, Decoder.score_threshold)}
    predictor = Predictor.load(checkpoint, config.device, config.tokenizer.source, **decoding)
    asked: Prompt | Vocabulary
    if learned is not None:
        asked = predictor.learned(learned)
    else:
        asked = predictor.prompt(str(config.text)) if names is None else predictor.vocabulary(names)
    prompt = asked.prompt if isinstance(asked, Vocabulary) else asked
    entries: list[dict[str, Any]] = []
    broken: list[str] = []
    taken: set[Path] = set()
    report = folder / "predictions.json"
    try:
        for path in track(paths, description="predicting", disable=len(paths) < 2):
            try:
                image = upright(load_image(path))
            except UserError as error:
                if len(paths) == 1:
                    raise
                log.warning("%s", error)
                broken.append(str(path))
                continue
            found = predictor(image, asked).above(config.threshold)
            picture = folder / f"{path.stem}_{path.suffix[1:]}.png"
            if picture in taken:  # two folders may hold files of one name
                picture = folder / f"{len(entries):05d}_{picture.name}"
            taken.add(picture)
            drawn(image, found, prompt).save(picture)
            entries.append(entry(path, picture, image, found, prompt))
    finally:  # also of what was done before a Ctrl-C
        if entries:
            content = {"prompt": prompt.caption, "images": entries}
            report.write_text(json.dumps(content, indent=1))
    if not entries:
        raise UserError(f"none of the {len(paths)} pictures could be read")
    total = sum(len(one["boxes"]) for one in entries)
    print(f"{total} boxes in {len(entries)} pictures: {folder} and {report}")
    if broken:
        raise UserError(f"{len(broken)} pictures could not be read: {', '.join(broken[:5])}")


def _writable(folder: Path) -> Path:
    """The folder, made if need be. Raises UserError before anything slow if it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError("it is not yours to write")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error} (the setting `output`)") from error
    return folder


def _names(config: DictConfig) -> list[str] | None:
    """The lines of the file `names`, if that was given. Raises UserError if nothing was."""
    if sum(config[one] is not None for one in ("text", "names", "prompt")) != 1:
        raise UserError(
            'say what to look for: text="a cat. two dogs", names=<file with a name per line>, or '
            "prompt=<file of tuning=prompt>"
        )
    if config.prompt is not None:
        return None
    if config.names is None:
        text_prompt(str(config.text))  # an empty prompt is told before a model is loaded
        return None
    path = Path(config.names).expanduser()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the names: {error} (the setting `names`)") from error
    return [line.strip() for line in lines if line.strip()]


def drawn(image: Image.Image, found: Detections, prompt: Prompt) -> Image.Image:
    """The picture with its boxes."""
    phrases = [prompt.phrase_text(int(phrase)) for phrase in found.phrase_ids]
    return draw(image, found.boxes, phrases, found.scores)


def entry(
    path: Path, picture: Path, image: Image.Image, found: Detections, prompt: Prompt
) -> dict[str, Any]:
    """One picture's part of predictions.json; boxes are [x1, y1, x2, y2] with x2 - x1 the width."""
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
                "box": [round(float(side), 2) for side in box],
            }
            for box, score, phrase in zip(
                plain(found.boxes), found.scores, found.phrase_ids, strict=True
            )
        ],
    }


main = command("predict")(predict)

if __name__ == "__main__":
    main()
