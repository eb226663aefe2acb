"""Export a model: `python -m glip_pl.export ckpt=best format=onnx output=model.onnx`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from glip_pl import __version__
from glip_pl.errors import UserError, some
from glip_pl.exporting.checking import cases, pictures
from glip_pl.exporting.graph import Graph, Vocabulary
from glip_pl.exporting.parity import PIXELS, SCORE, differences
from glip_pl.exporting.running import FORMATS, runner
from glip_pl.exporting.writing import MULTIPLE, require, write
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.predictor import Predictor
from glip_pl.predict import what_to_detect
from glip_pl.prompts.prompt_kit import PromptKit
from glip_pl.running.cli import command
from glip_pl.running.outputs import check_file
from glip_pl.running.runs import find_checkpoint


def export(config: DictConfig) -> None:
    """Write a checkpoint's model as a file for another library, if that computes the same.

    Raises UserError for wrong settings, and if the file's boxes or scores differ from PyTorch's;
    then no file is left.
    """
    output = Path(config.output)
    if config.format not in FORMATS:
        raise UserError(f"format={config.format}: choose one of {', '.join(FORMATS)}")
    if output.suffix != FORMATS[config.format]:
        raise UserError(f"output={output} must end with {FORMATS[config.format]}")
    check_file(output, "output")
    require(config.format)
    found = pictures(config.check_images, config.check_count)
    checkpoint = find_checkpoint(config.ckpt, Path(config.paths.runs))
    predictor = Predictor.load(checkpoint, "cpu", config.tokenizer.source)
    graph = graph_of(predictor, config)
    about = description(predictor, graph, config.tokenizer.source, checkpoint, _thresholds(config))
    print(f"checkpoint: {checkpoint}")
    compared = list(cases(predictor, graph, found))
    files = _files(output)
    try:
        write(graph, output, config.format, {"glip_pl": json.dumps(about)})
        differ = differences(graph, runner(output, config.format), compared)
        refused = [one for one in differ if not one.accepted]
        if refused:
            raise UserError(_refusal(config.format, output, refused))
    except BaseException:
        for file in files:
            file.unlink(missing_ok=True)
        raise
    files[-1].write_text(json.dumps(about, indent=2) + "\n")
    pixels, score = max(one.pixels for one in differ), max(one.score for one in differ)
    size = sum(file.stat().st_size for file in files if file.exists()) / 1e6
    print(f"compared in {len(differ)} cases: boxes within {pixels:.2g} pixels, scores {score:.1g}")
    print(f"{output}: {size:.1f} MB; inputs: {', '.join(graph.input_names)}")


def _thresholds(config: DictConfig) -> Sequence[float | None]:
    """The thresholds of a prompt kit, by class; none without a kit."""
    what = what_to_detect(config) if config.prompt is not None else None
    return what.thresholds if isinstance(what, PromptKit) else ()


def graph_of(predictor: Predictor, config: DictConfig) -> Graph:
    """The computation to export. Raises UserError if the names do not fit into one prompt."""
    decoder = Decoder(**config.decoder) if config.decode else None
    if decoder is not None and decoder.exclusive:
        raise UserError(
            "a file decodes every phrase by itself: leave decoder.exclusive out, which `predict` "
            "and `evaluate` know"
        )
    vocabulary = None
    if any(config[key] is not None for key in ("text", "names", "prompt")):
        query = predictor.encode(what_to_detect(config))
        if len(query.questions) > 1:
            raise UserError(
                f"names: {len(query.classes)} names need {len(query.questions)} prompts, and a "
                "file holds one: give fewer, or leave names out and give the tokens at run time"
            )
        (question,) = query.questions
        classes = tuple(query.classes[position] for position in query.positions.tolist())
        vocabulary = Vocabulary(question.text, question.phrase_masks, classes)
    return Graph(predictor.model, decoder, vocabulary).eval()


def description(
    predictor: Predictor,
    graph: Graph,
    tokenizer: str | None,
    checkpoint: Path,
    thresholds: Sequence[float | None] = (),
) -> dict[str, Any]:
    """What a program needs to know to use the file; it is in the file, and in a file beside it.

    `thresholds` are the scores that the boxes of each class must exceed, if a prompt kit has them.
    """
    transform = predictor.transform
    encoder = predictor.model.image_encoder
    return {
        "glip_pl": __version__,
        "checkpoint": checkpoint.name,
        "inputs": list(graph.input_names),
        "outputs": list(graph.output_names),
        "short_side": transform.short_sides[0],
        "max_side": transform.max_side,
        "multiple": MULTIPLE,
        "channels": "RGB, uint8, 0 to 255; mean and std are applied inside",
        "network_channels": "BGR" if encoder.bgr else "RGB",
        "mean": encoder.mean.flatten().tolist(),
        "std": encoder.std.flatten().tolist(),
        "tokenizer": tokenizer or str(predictor.tokenizer.name_or_path),
        "classes": list(graph.classes) if graph.frozen else None,
        "thresholds": list(thresholds) or None,
    }


def _files(output: Path) -> list[Path]:
    """All files of an export; the description is the last."""
    weights = [output.with_suffix(".bin")] if output.suffix == FORMATS["openvino"] else []
    return [output, *weights, output.with_suffix(".json")]


def _refusal(format: str, output: Path, refused: list[Any]) -> str:
    worst = [
        f"{one.case}: boxes {one.pixels:.2g} pixels, scores {one.score:.2g}, "
        f"{one.unmatched} detections without a partner"
        for one in refused
    ]
    return (
        f"{output} is not written: what {format} computes differs from PyTorch by more than "
        f"{PIXELS} pixels or {SCORE} in the score in {some(worst, 2)}. Choose another format, or "
        "other pictures to compare (check_images=<folder>)"
    )


main = command("export")(export)

if __name__ == "__main__":
    main()
