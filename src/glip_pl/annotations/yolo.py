"""Writes a folder in YOLO's form: data.yaml, a text file for each picture, and the pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import yaml

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.names import distinct_files
from glip_pl.annotations.pictures import place_picture
from glip_pl.errors import UserError

SPLITS = ("train", "val", "test")
"""Keys of data.yaml that name folders of pictures."""


def write_yolo(
    splits: Mapping[str, Sequence[AnnotatedImage]],
    categories: Sequence[str],
    folder: Path,
    copy_pictures: bool,
) -> None:
    """Write labels/<split>/, images/<split>/ and data.yaml into a new folder.

    A picture without boxes gets an empty text file. The form has no place for scores. The folders
    of a picture that is copied become part of its name, because some programs look into no deeper
    folder: a/b.jpg is a_b.jpg. Raises UserError for pictures that are not copied if two of them
    would have the same text file.
    """
    for split, images in splits.items():
        _write_labels(split, images, folder, copy_pictures)
    content = {split: f"images/{split}" for split in sorted(splits, key=_order)}
    remark = ""
    for split in ("train", "val"):  # programs that train refuse a file without them
        if split not in content:
            remark = f"# {split} repeats another split, because the program demands both keys\n"
            content[split] = next(iter(content.values()))
    names = dict(enumerate(categories))
    text = yaml.safe_dump(content | {"nc": len(names), "names": names}, sort_keys=False,
                          allow_unicode=True)  # fmt: skip
    (folder / "data.yaml").write_text(remark + text, encoding="utf-8")


def _order(split: str) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)


def _write_labels(
    split: str, images: Sequence[AnnotatedImage], folder: Path, copy_pictures: bool
) -> None:
    files = distinct_files([image.name for image in images], flat=copy_pictures)
    (folder / "labels" / split).mkdir(parents=True, exist_ok=True)
    for image, file in zip(images, files, strict=True):
        labels = folder / "labels" / split / PurePosixPath(file).with_suffix(".txt")
        if not copy_pictures and PurePosixPath(file).name != PurePosixPath(image.name).name:
            raise UserError(
                f"another picture has the name of {image.name} but for its suffix, and one "
                "label file would serve both: set copy_pictures=true, which renames the copy"
            )
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(_lines(image), encoding="utf-8")
        if copy_pictures:
            place_picture(image.path, folder / "images" / split / file)


def _lines(image: AnnotatedImage) -> str:
    """A line "label x y width height" for each box: its centre and size as parts of the picture."""
    height, width = image.size
    lines = []
    for (x1, y1, x2, y2), label in zip(image.boxes.tolist(), image.labels.tolist(), strict=True):
        values = (
            *((x1 + x2) / 2 / width, (y1 + y2) / 2 / height),
            *((x2 - x1) / width, (y2 - y1) / height),
        )
        lines.append(f"{label} {' '.join(f'{value:.8f}' for value in values)}\n")
    return "".join(lines)
