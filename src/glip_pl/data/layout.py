"""Finds the COCO JSON files and the picture folders in a user's folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from glip_pl.data.images import SUFFIXES
from glip_pl.errors import UserError

ALIASES = {
    "train": ("train", "training", "train2017"),
    "val": ("val", "valid", "validation", "val2017"),
    "test": ("test", "testing", "test2017"),
}
"""Names that people give the three splits."""


@dataclass(frozen=True)
class Split:
    """One annotation file, and the folders that its file names may start from, likeliest first."""

    annotations: Path
    images: Sequence[Path]


def find_split(root: Path, splits: Sequence[str]) -> Split:
    """The first of `splits` in the folder, in the layouts of Roboflow or COCO, or in a plain one.

    Raises UserError with a list of the expected files if there is none.
    """
    if not root.is_dir():
        raise UserError(f"no such folder: {root}. Set data.root to the folder of your dataset")
    names = [name for split in splits for name in ALIASES.get(split, (split,))]
    candidates = [(name, path) for name in names for path in _annotation_files(root, name)]
    for name, annotations in candidates:
        if annotations.is_file():
            return Split(annotations, _image_folders(root, name, annotations))
    listing = "\n  ".join(str(path.relative_to(root)) for _, path in candidates)
    raise UserError(
        f"{root} has no {' or '.join(splits)} split. data.root must hold a COCO JSON under one of "
        f"these names:\n  {listing}"
    )


def _annotation_files(root: Path, name: str) -> Iterator[Path]:
    """Where the annotation file of a split called `name` may be."""
    yield root / name / "_annotations.coco.json"  # Roboflow
    yield root / "annotations" / f"{name}.json"
    yield root / "annotations" / f"instances_{name}.json"  # COCO
    yield root / f"{name}.json"
    yield root / f"{name}_annotations.coco.json"
    yield root / name / "annotations.json"
    yield root / name / f"{name}.json"


def _image_folders(root: Path, name: str, annotations: Path) -> list[Path]:
    """The existing folders of a split, first those that directly contain pictures."""
    candidates = (root / name, root / "images" / name, root / "images", annotations.parent, root)
    folders = [folder for folder in dict.fromkeys(candidates) if folder.is_dir()]
    return sorted(folders, key=lambda folder: not _contains_pictures(folder))


def _contains_pictures(folder: Path) -> bool:
    return any(path.suffix.lower() in SUFFIXES for path in folder.iterdir() if path.is_file())
