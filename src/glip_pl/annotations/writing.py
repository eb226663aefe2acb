"""Writes boxes as the annotation files of other programs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.coco import write_coco
from glip_pl.annotations.cvat import write_cvat
from glip_pl.annotations.label_studio import write_label_studio
from glip_pl.annotations.names import with_names
from glip_pl.annotations.odvg import write_odvg
from glip_pl.annotations.voc import write_voc
from glip_pl.annotations.yolo import write_yolo
from glip_pl.errors import UserError
from glip_pl.files.writing import partial_folder

FileWriter = Callable[[Sequence[AnnotatedImage], Sequence[str], Path], None]
"""Writes images with named pictures and their categories to a file."""

FolderWriter = Callable[
    [Mapping[str, Sequence[AnnotatedImage]], Sequence[str], Path, bool], None
]  # fmt: skip
"""Writes the images of splits into an empty folder, if wanted with copies of the pictures."""

FILES: dict[str, FileWriter] = {
    "coco": write_coco,
    "label_studio": write_label_studio,
    "cvat": write_cvat,
    "odvg": write_odvg,
}
"""Formats of one annotation file, which leave the pictures where they are."""

FOLDERS: dict[str, FolderWriter] = {"yolo": write_yolo, "voc": write_voc}
"""Formats of a folder with a file for each picture."""

DEFAULT_NAMES = {
    "coco": "annotations.json",
    "yolo": "yolo",
    "voc": "voc",
    "label_studio": "label_studio.json",
    "cvat": "cvat.xml",
    "odvg": "annotations.jsonl",
}
"""The usual name of the file or folder of each format."""

FORMATS = tuple(DEFAULT_NAMES)
"""Names of the formats."""


def write_annotations(
    images: Iterable[AnnotatedImage],
    categories: Sequence[str],
    out: Path,
    format: str,
    root: Path | None = None,
    copy_pictures: bool = True,
) -> None:
    """Write boxes in one of FORMATS to the file or folder `out`, whole or not at all.

    Files call a picture by its path below `root`, by default the deepest folder with all pictures.
    Boxes are cut at the border of their picture. YOLO and VOC are folders, with copies of the
    pictures unless `copy_pictures` is false. COCO, Label Studio and ODVG hold the scores. Raises
    UserError for an unknown format, for a name that the format cannot hold, and if a file would
    replace a folder or a folder one that is not empty.
    """
    write_splits({"train": images}, categories, out, format, root, copy_pictures)


def write_splits(
    splits: Mapping[str, Iterable[AnnotatedImage]],
    categories: Sequence[str],
    out: Path,
    format: str,
    root: Path | None = None,
    copy_pictures: bool = True,
) -> None:
    """As `write_annotations`; only a folder can hold several splits. Raises UserError as it."""
    check_target(out, format)
    named = {
        split: with_names([_checked(image, len(categories)) for image in images], root)
        for split, images in splits.items()
    }
    try:
        if format in FILES:
            (images,) = named.values()
            FILES[format](images, categories, out)
            return
        with partial_folder(out) as partial:
            FOLDERS[format](named, categories, partial, copy_pictures)
            if out.is_dir():
                out.rmdir()  # empty: some systems do not rename to an existing folder
            partial.rename(out)
    except UnicodeEncodeError as error:
        raise UserError(
            f"a name has characters that format={format} cannot hold: {error.object[:80]!r}"
        ) from error
    except OSError as error:
        raise UserError(f"cannot write {out}: {error}") from error


def _checked(image: AnnotatedImage, categories: int) -> AnnotatedImage:
    """The image with clipped boxes. Raises ValueError for a label without a category."""
    if len(image.labels) and not 0 <= image.labels.min() <= image.labels.max() < categories:
        raise ValueError(f"{image.path} has a label that none of {categories} categories has")
    return image.clipped()


def check_format(format: str) -> None:
    """Raise UserError for an unknown format."""
    if format not in FORMATS:
        raise UserError(f"format={format!r:.40} is unknown: use one of {', '.join(FORMATS)}")


def check_target(out: Path, format: str) -> None:
    """Raise UserError for an unknown format, or if `out` exists in a way that it cannot replace."""
    check_format(format)
    if format in FILES and out.is_dir():
        raise UserError(
            f"{out} is a folder, and format={format} is a file: name it, such as "
            f"{out / DEFAULT_NAMES[format]}"
        )
    if format in FOLDERS and out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(
            f"{out} exists, and format={format} is a new folder: remove it, or write to another"
        )
