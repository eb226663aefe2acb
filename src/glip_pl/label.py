"""Label pictures: `python -m glip_pl.label images=photos text="a cat. a dog" format=coco`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from glip_pl.annotations.label_studio import config_path
from glip_pl.annotations.writing import check_format
from glip_pl.errors import some
from glip_pl.files.claim import claim, exclusive
from glip_pl.files.hashing import sha256_of
from glip_pl.inference.encoded_query import EncodedQuery, What
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.folder_labels import STORED, FolderLabels, Pictures
from glip_pl.labelling.journal import Journal
from glip_pl.labelling.thresholds import Thresholds
from glip_pl.predict import what_to_detect
from glip_pl.prompts.prompt_kit import PromptKit
from glip_pl.running.cli import command
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import plain

ELSEWHERE = "Set output= to another folder."
"""What to do about a folder that belongs to another job."""


def label(config: DictConfig) -> None:
    """Detect what a text names in the pictures of `images`, and write one annotation file.

    Pictures that were labelled before an interruption are not labelled again; a picture that cannot
    be read is named and left out. Raises UserError for wrong settings, and for a folder of labels
    of another model or other names.
    """
    what = what_to_detect(config)
    output = Path(config.output)
    check_format(config.format)
    pictures = Pictures.of(config.images, output)
    checkpoint = find_checkpoint(config.ckpt, Path(config.paths.runs))
    of_name = config.thresholds
    of_name = plain(of_name) if isinstance(of_name, DictConfig) else of_name
    thresholds = Thresholds.of(config.threshold, of_name)
    if isinstance(what, PromptKit):
        thresholds = thresholds.after(dict(zip(what.names, what.thresholds, strict=True)))
    job = _identity(config, what, checkpoint, pictures, thresholds)
    claim(output / "job.json", job, ELSEWHERE)
    with exclusive(output, ELSEWHERE):
        journal = Journal.open(output / "journal.jsonl")
        if journal.classes:
            thresholds.by_label(journal.classes)  # a mistake is reported before the model is loaded
        labels = FolderLabels(pictures, output, thresholds, journal)
        summary = labels.written(config.format)
        if summary is not None:
            print(f"already complete: {labels.target(config.format)}")
        else:
            _detect_missing(config, labels, checkpoint, what)
            summary = labels.write(config.format, config.copy_pictures)
        _show(summary, labels, config.format)


def _identity(
    config: DictConfig, what: What, checkpoint: Path, pictures: Pictures, thresholds: Thresholds
) -> dict[str, Any]:
    """What must be the same for all labels in a folder."""
    asked = what if isinstance(what, str | list) else sha256_of(Path(config.prompt).expanduser())
    return {
        "images": str(pictures.root.absolute()),
        "weights": sha256_of(checkpoint),
        "tokenizer": config.tokenizer.source,
        "names": asked,
        "max_boxes": config.max_boxes,
        "tiles": config.tiles,
        "stored": min(STORED, thresholds.lowest),
    }


def _detect_missing(config: DictConfig, labels: FolderLabels, checkpoint: Path, what: What) -> None:
    """Label the pictures that are not labelled yet."""
    total, missing = len(labels.pictures), len(labels.missing)
    if missing < total:
        print(f"{total - missing} of {total} pictures were labelled before")

    def load() -> tuple[Predictor, EncodedQuery]:
        predictor = Predictor.load(checkpoint, config.device, config.tokenizer.source)
        query = replace(predictor.encode(what), thresholds=())  # the labels' own are applied later
        print(f"checkpoint: {checkpoint}; names: {some(list(query.classes), 10)}")
        return predictor, query

    try:
        labels.detect(load, config.max_boxes, config.tiles)
    except KeyboardInterrupt:
        print(f"{len(labels.missing)} of {total} pictures are left: the same command continues")
        raise


def _show(summary: Mapping[str, Any], labels: FolderLabels, format: str) -> None:
    """Print the counts by name, and where the annotations are."""
    for name, count in summary["boxes"].items():
        print(f"  {name}: {count} boxes in {summary['pictures of'][name]} pictures")
    print(f"{summary['pictures']} pictures, {summary['without a box']} of them without a box")
    if summary["unreadable"]:
        print(f"{len(summary['unreadable'])} not readable: {some(list(summary['unreadable']))}")
    target = labels.target(format)
    print(f"{format}: {target}")
    if format == "label_studio":
        print(f"labelling configuration: {config_path(target)}")


main = command("label", output="output")(label)

if __name__ == "__main__":
    main()
