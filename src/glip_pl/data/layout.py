"""Finds the COCO JSON files and the picture folders in a user's folder."""

import filecmp
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glip_pl.data.foreign_layout import not_a_folder, what_is_there
from glip_pl.data.images import SUFFIXES
from glip_pl.errors import UserError

ALIASES = {
    "train": ("train", "training", "train2017"),
    "val": ("val", "valid", "validation", "val2017"),
    "test": ("test", "testing", "test2017"),
}
"""Names that people give the three splits."""

SETTING = "data.annotations"
"""The setting that names the annotation file of a split."""


@dataclass(frozen=True)
class Split:
    """One annotation file, and the folders that its file names may start from, likeliest first."""

    annotations: Path
    images: Sequence[Path]
    all_annotations: Sequence[Path]  # the files of all splits, which share their categories


def find_split(
    root: Path, splits: Sequence[str], named: Mapping[str, str | None] | None = None
) -> Split:
    """The first of `splits` in the folder, in the layouts of Roboflow or COCO, or in a plain one.

    `named` gives the annotation files of some splits, relative to the folder. Raises UserError if
    there is none of the splits, saying what the folder holds instead, or if one has several files.
    """
    if not root.is_dir():
        raise UserError(not_a_folder(root, SETTING))
    try:
        return _find(root, splits, named or {})
    except OSError as error:
        raise UserError(f"cannot read the folder of the dataset (data.root): {error}") from error


def has_annotations(root: Path) -> bool:
    """Whether the folder has COCO JSON for any split, where it is looked for."""
    return any(path.is_file() for split in ALIASES for _, path in _candidates(root, split))


def _find(root: Path, splits: Sequence[str], named: Mapping[str, str | None]) -> Split:
    given = {split: root / Path(file).expanduser() for split, file in named.items() if file}
    found = {split: _files(root, split, given) for split in dict.fromkeys((*ALIASES, *splits))}
    for split in splits:
        if found[split]:
            name, annotations = _only(root, split, found[split])
            everything = sorted({file for files in found.values() for _, file in files})
            return Split(annotations, _image_folders(root, name, annotations), everything)
    used = [file for files in found.values() for _, file in files]
    raise UserError(_missing(root, splits, used))


def _files(root: Path, split: str, given: Mapping[str, Path]) -> list[tuple[str, Path]]:
    """The annotation files of a split, and the name by which each calls it.

    Raises UserError if the file that a setting gives does not exist.
    """
    if split not in given:
        return [(name, path) for name, path in _candidates(root, split) if path.is_file()]
    file = given[split]
    if not file.is_file():
        raise UserError(
            f"no such annotation file: {file} (the setting {SETTING}.{split}, relative to "
            f"data.root). {what_is_there(root, split, SETTING, [])}".rstrip()
        )
    return [(file.stem.removeprefix("instances_"), file)]


def _candidates(root: Path, split: str) -> Iterator[tuple[str, Path]]:
    """Where the annotation file of a split may be, and by which name."""
    for name in ALIASES.get(split, (split,)):
        yield name, root / name / "_annotations.coco.json"  # Roboflow
        yield name, root / "annotations" / f"{name}.json"
        yield name, root / "annotations" / f"instances_{name}.json"  # COCO
        yield name, root / f"{name}.json"
        yield name, root / f"{name}_annotations.coco.json"
        yield name, root / name / "annotations.json"
        yield name, root / name / f"{name}.json"


def _only(root: Path, split: str, files: Sequence[tuple[str, Path]]) -> tuple[str, Path]:
    """The annotation file of a split. Raises UserError if several differ in their content."""
    (_, first), *others = files
    different = [first, *(path for _, path in others if not _same(first, path))]
    if len(different) > 1:
        largest = max(different, key=lambda path: path.stat().st_size)
        listing = " and ".join(
            f"{path.relative_to(root)} ({path.stat().st_size} bytes)" for path in different
        )
        raise UserError(
            f"{root} has {len(different)} annotation files for {split}: {listing}. Remove all but "
            f"one, or name the one to read: {SETTING}.{split}={largest.relative_to(root)}"
        )
    return files[0]


def _same(first: Path, second: Path) -> bool:
    """Whether two files have the same content."""
    return filecmp.cmp(first, second, shallow=False)


def _missing(root: Path, splits: Sequence[str], used: Sequence[Path]) -> str:
    """The message about a folder without any of the splits."""
    for folder in (*sorted(path for path in root.iterdir() if path.is_dir()), root.parent):
        files = [file for split in splits for _, file in _files(folder, split, {})]
        if files and not set(files) & set(used):
            return (
                f"{root} has no {' or '.join(splits)} split, but {folder} has one "
                f"({files[0].relative_to(folder)}): set data.root={folder}"
            )
    expected = [str(path.relative_to(root)) for _, path in _candidates(root, splits[0])]
    message = (
        f"{root} has no {' or '.join(splits)} split in COCO JSON (docs/data.md lists where it may "
        f"be: {', '.join(expected[:4])}, ...). "
    )
    return message + what_is_there(root, splits[0], SETTING, used)


def _image_folders(root: Path, name: str, annotations: Path) -> list[Path]:
    """The existing folders of a split, first those that directly contain pictures."""
    candidates = (
        *(root / name, root / "images" / name, root / name / "images", root / "images"),
        *(annotations.parent / "images", annotations.parent, root),
    )
    folders = [folder for folder in dict.fromkeys(candidates) if folder.is_dir()]
    return sorted(folders, key=lambda folder: not _contains_pictures(folder))


def _contains_pictures(folder: Path) -> bool:
    return any(path.suffix.lower() in SUFFIXES for path in folder.iterdir() if path.is_file())
