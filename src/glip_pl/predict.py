"""Predict: `python -m glip_pl.predict image=photo.jpg text="a red star. two blue rings"`."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any

from omegaconf import DictConfig, ListConfig

from glip_pl import __version__
from glip_pl.data.images import find_images, load_image, upright
from glip_pl.errors import UserError, some
from glip_pl.files.hashing import sha256_of
from glip_pl.inference.encoded_query import EncodedQuery, What, read_prompt_file
from glip_pl.inference.fonts import font_files, use_font
from glip_pl.inference.image_input import ImageSource
from glip_pl.inference.predictions import Predictions
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.result import Result
from glip_pl.inference.visual_prompt import visual_prompt, words_beside
from glip_pl.prompts.names_file import read_names
from glip_pl.prompts.prompt_from_text import text_prompt
from glip_pl.running.cli import command
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import plain
from glip_pl.terminal.progress import with_progress
from glip_pl.types import Prompt
from glip_pl.video.annotating import VideoOptions, annotate_video, check_video
from glip_pl.video.frames import is_video

log = logging.getLogger(__name__)

SHOWN_FILES = 5
"""Number of unreadable pictures that the error message names."""

PROMPT_FILE = "prompt.safetensors"
"""Name of the file that holds examples as a prompt, for other commands and other pictures."""

SHOWN_PHRASES = 10
"""Number of phrases that are printed before the detection."""


def predict(config: DictConfig) -> None:
    """Detect objects in the pictures of `image`; write pictures with boxes and predictions.json.

    Raises UserError for wrong settings at once, and for unreadable pictures at the end.
    """
    what = None if _only_examples(config) else what_to_detect(config)
    paths = find_images(config.image)
    _check_explaining(config, paths)
    video = _video_options(config, paths[0])
    folder = Path(config.output)
    checkpoint = find_checkpoint(config.ckpt, Path(config.paths.runs))
    digest = _digest(checkpoint)
    predictor = Predictor.load(
        checkpoint, config.device, config.tokenizer.source, exclusive=config.exclusive
    )
    query = _encoded(predictor, what, config)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"checkpoint: {checkpoint}")
    if config.like is not None:
        visual_prompt(query, predictor.model).write(folder / PROMPT_FILE)
        print(f"examples as a prompt: {folder / PROMPT_FILE}")
    print(_listing(query.prompt))
    if video is not None:
        origin = _origin(config, checkpoint, digest.result())
        annotate_video(predictor, query, paths[0], folder, video, origin)
        return
    inputs = frozenset(path.resolve() for path in paths)
    predictions = Predictions(folder, query.prompt, inputs)
    unreadable: list[Path] = []
    try:
        detect(predictor, query, readable(paths, unreadable), config, predictions)
    finally:  # Ctrl-C keeps the predictions made so far
        if predictions.entries:
            predictions.write_report(_origin(config, checkpoint, digest.result()))
    if not predictions.entries:
        raise UserError(f"none of the {len(paths)} pictures could be read")
    print(predictions.summary())
    if unreadable:
        shown = ", ".join(map(str, unreadable[:SHOWN_FILES]))
        raise UserError(f"{len(unreadable)} pictures could not be read: {shown}")


def what_to_detect(config: DictConfig) -> What:
    """What to detect: a text, a list of names, a learned prompt or a prompt kit.

    Raises UserError unless exactly one of `text`, `names` and `prompt` is set and can be read.
    """
    given = [key for key in ("text", "names", "prompt") if config[key] is not None]
    if len(given) != 1:
        fault = f"{' and '.join(given)} are both set: set one of them" if given else ""
        raise UserError(
            (fault or "say what to look for")
            + ', text="a cat. two dogs", names=<file with a name per line>, or '
            "prompt=<file of prompt-search or tuning=prompt>"
        )
    for key in ("text", "names"):
        if isinstance(config[key], ListConfig):
            names = plain(config[key])
            if not all(isinstance(name, str | int | float) for name in names):
                raise UserError(f"{key}={names} must be a list of texts: {key}=[cat, dog]")
            return [str(name) for name in names]
        if isinstance(config[key], DictConfig):
            raise UserError(f"{key}={config[key]} is a dictionary: give a list, {key}=[cat, dog]")
    if config.names is not None:
        return read_names(Path(str(config.names)).expanduser())
    if config.prompt is not None:
        return read_prompt_file(Path(str(config.prompt)))
    text_prompt(str(config.text))  # raises before a model is loaded
    return str(config.text)


def _only_examples(config: DictConfig) -> bool:
    """Whether examples say all that is to be detected. Raises UserError if they say it in part."""
    if (config.like is None) != (config.boxes is None):
        raise UserError(
            "like and boxes belong together, an example picture and boxes in it: "
            "like=example.jpg 'boxes=[10,20,110,220]'"
        )
    if config.like is not None and config.prompt is not None:
        raise UserError("prompt and like are both set: beside examples there can be text or names")
    return config.like is not None and config.text is None and config.names is None


def _encoded(predictor: Predictor, what: What | None, config: DictConfig) -> EncodedQuery:
    """What to detect, by words, by examples or by both, as the model reads it."""
    if config.like is None:
        assert what is not None
        return predictor.encode(what)
    like = config.like if isinstance(config.like, str) else plain(config.like)
    return predictor.encode_examples(like, plain(config.boxes), words_beside(what))


def _listing(prompt: Prompt) -> str:
    """The number of phrases that are detected, and the first of them."""
    count = len(prompt.phrases)
    shown = [prompt.phrase_text(index).strip() for index in range(min(count, SHOWN_PHRASES))]
    plural, more = ("s" if count > 1 else ""), (", ..." if count > len(shown) else "")
    return f"detecting {count} phrase{plural}: {', '.join(shown)}{more}"


def _digest(checkpoint: Path) -> Future[str]:
    """The SHA-256 of a file, computed beside the work: it takes seconds for large models."""
    future: Future[str] = Future()

    def compute() -> None:
        try:
            future.set_result(sha256_of(checkpoint))
        except OSError as error:
            future.set_exception(error)

    Thread(target=compute, daemon=True).start()  # a command that fails does not wait for it
    return future


def _origin(config: DictConfig, checkpoint: Path, digest: str) -> dict[str, Any]:
    """What predictions.json records about how the predictions were made."""
    return {
        "checkpoint": {"path": str(checkpoint.absolute()), "sha256": digest},
        "threshold": config.threshold,
        "max_boxes": config.max_boxes,
        "glip_pl": __version__,
    }


def readable(paths: Sequence[Path], unreadable: list[Path]) -> Iterator[ImageSource]:
    """The pictures that can be read, decoded, with progress; the others join `unreadable`.

    Raises UserError if the only picture cannot be read.
    """
    for path in with_progress(paths, len(paths), "picture"):
        try:
            yield ImageSource(str(path), path, upright(load_image(path)))
        except UserError as error:
            if len(paths) == 1:
                raise
            log.warning("%s", error)
            unreadable.append(path)


def detect(
    predictor: Predictor,
    query: EncodedQuery,
    sources: Iterable[ImageSource],
    config: DictConfig,
    predictions: Predictions,
) -> None:
    """Add what is found above the threshold in every picture; tell where a limit has cut."""
    pairs = ((source, query) for source in sources)
    limited: list[str] = []
    for result in predictor.stream(pairs, config.threshold, config.max_boxes, config.tiles):
        if result.limited and result.path is not None:
            limited.append(result.path.name)
        predictions.add(result)
        if config.explain or config.why_not is not None:
            explain(predictor, query, result, config, predictions)
    if limited:
        log.warning(
            "%s has more than %d boxes, of which only the best are kept (setting `max_boxes`, or "
            "a higher `threshold`)",
            some(limited),
            config.max_boxes,
        )


def explain(
    predictor: Predictor,
    query: EncodedQuery,
    result: Result,
    config: DictConfig,
    predictions: Predictions,
) -> None:
    """Detect in the picture of a result again: write the evidence by word, answer `why_not`.

    Raises UserError if the box or phrase of `why_not` does not fit.
    """
    explanation = predictor.explain(
        [result.source], query, threshold=config.threshold, max_boxes=config.max_boxes
    )
    if config.explain:
        drawing = Path(predictions.entries[-1]["picture"])
        explanation.save(predictions.folder, drawing.stem)
    if config.why_not is not None:
        print(explanation.why_not(plain(config.why_not), str(config.why_not_phrase)))


def _check_explaining(config: DictConfig, paths: Sequence[Path]) -> None:
    """Take the font, and raise UserError if it or the question `why_not` cannot be used."""
    if config.font is not None:
        use_font(config.font)
    font_files()  # raises now, not at the first drawing, if that of GLIP_FONT is no font
    if (config.why_not is None) != (config.why_not_phrase is None):
        raise UserError(
            "why_not and why_not_phrase belong together: "
            "'why_not=[10,20,110,220]' why_not_phrase=\"a cat\""
        )
    if config.why_not is not None and len(paths) != 1:
        raise UserError(f"why_not asks about a box in one picture, but image= has {len(paths)}")


def _video_options(config: DictConfig, path: Path) -> VideoOptions | None:
    """How to search a video; None for a picture. Raises UserError if it cannot be read."""
    if not is_video(path):
        return None
    if config.explain or config.why_not is not None:
        raise UserError("explain and why_not are for pictures: save the frame of the video as one")
    options = VideoOptions(config.threshold, config.max_boxes, config.tiles, **config.video)
    check_video(path, options)
    return options


main = command("predict", output="output")(predict)

if __name__ == "__main__":
    main()
