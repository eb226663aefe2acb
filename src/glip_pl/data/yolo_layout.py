"""Finds the settings, the pictures and the label files of a folder in YOLO's form."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from glip_pl.data.category_names import category_name
from glip_pl.data.image_folder import inside
from glip_pl.data.images import SUFFIXES
from glip_pl.data.layout import ALIASES, SETTING
from glip_pl.data.picture_names import is_file
from glip_pl.errors import UserError, some
from glip_pl.files.small_yaml import read_small_yaml

YAML = (".yaml", ".yml")
"""Suffixes of the file of settings."""

USUAL = ("data", "dataset")
"""Names of the file of settings that are preferred to others."""


MAX_LIST = 256 << 20
"""Bytes of a list of pictures that is read; the lists of a million pictures have some 50 MB."""


@dataclass(frozen=True)
class YoloSettings:
    """What a data.yaml says."""

    file: Path
    names: tuple[str, ...]  # in the order of the labels
    keypoints: bool  # whether lines go on with key points after the box
    entries: Mapping[str, Sequence[str]]  # folders or lists of pictures, by the key of the split
    path: str | None  # folder that the entries start from


def find_settings(root: Path) -> Path | None:
    """The YAML file with `names` in a folder, data.yaml before others; None if there is none.

    Raises UserError if there are several others.
    """
    if not root.is_dir():
        return None
    files = sorted(path for path in root.iterdir() if path.suffix.lower() in YAML)
    files = [path for path in files if _has_names(path)]
    usual = [path for name in USUAL for path in files if path.stem.lower() == name]
    if len(files) > 1 and not usual:
        listing = some([path.name for path in files])
        raise UserError(
            f"{root} has several YAML files with `names` ({listing}): name the one to read, "
            f"{SETTING}.train={files[0].name}"
        )
    return next(iter([*usual, *files]), None)


def _has_names(path: Path) -> bool:
    try:
        content = read_small_yaml(path) if path.is_file() else None
    except UserError:
        return False
    return isinstance(content, dict) and "names" in content


def read_settings(file: Path) -> YoloSettings:
    """What a data.yaml says. Raises UserError if it has no usable `names`."""
    content = read_small_yaml(file)
    if not isinstance(content, dict) or not content.get("names"):
        raise UserError(
            f"{file} has no `names`: write the names of the categories in the order of their labels"
        )
    known = {key for names in ALIASES.values() for key in names}
    entries = {
        str(key): [str(entry) for entry in (value if isinstance(value, list) else [value])]
        for key, value in content.items()
        if key in known and value
    }
    path = content.get("path")
    names = tuple(_names(content["names"], file))
    return YoloSettings(file, names, "kpt_shape" in content, entries, path and str(path))


def _names(value: Any, file: Path) -> list[str]:
    """The names of a list, or of a dictionary from the labels 0, 1, ... Raises UserError."""
    try:
        if isinstance(value, dict):
            by_label = {int(label): name for label, name in value.items()}
            value = [by_label[label] for label in range(len(value))]
        if not isinstance(value, list):
            raise TypeError("it is no list")
        return [category_name(name) for name in value]
    except (TypeError, ValueError, LookupError) as error:
        raise UserError(
            f"{file}: `names` must be a list, or a dictionary from 0, 1, ... without a gap: {error}"
        ) from error


def find_pictures(
    root: Path, settings: YoloSettings, splits: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """The first of `splits` that has pictures, and these as paths below the folder, sorted.

    Raises UserError if there is none, or if a list names a picture that is not in the folder.
    """
    root = Path(os.path.normpath(Path.cwd() / root))
    tried: list[str] = []
    for split in splits:
        places = list(_places(root, settings, split))
        pictures = {name for place in places for name in _pictures_at(root, settings, place)}
        if pictures:
            return split, tuple(sorted(pictures))
        keys = ALIASES.get(split, (split,))
        tried += [entry for key in keys for entry in settings.entries.get(key, ())]
    named = f"names {some(tried)}, which has none" if tried else "names none"
    key = splits[0]
    raise UserError(
        f"there are no pictures of the split {' or '.join(splits)} in {root}: {settings.file} "
        f"{named}. Write `{key}: images/{key}`, relative to the folder (data.root)"
    )


def _places(root: Path, settings: YoloSettings, split: str) -> Iterator[Path]:
    """The folders and lists of a split: those that the settings name, or else the usual ones."""
    names = ALIASES.get(split, (split,))
    entries = [entry for name in names for entry in settings.entries.get(name, ())]
    bases = _bases(root, settings)
    found = [next(filter(_is_place, _candidates(root, bases, entry)), None) for entry in entries]
    existing = [path for path in found if path is not None]
    usual = [root / path for name in names for path in (f"images/{name}", f"{name}/images", name)]
    yield from existing or [path for path in usual if path.is_dir()][:1]


def _is_place(path: Path) -> bool:
    """Whether it is a folder or a regular file: reading a pipe would block for ever."""
    return path.is_dir() or is_file(path)


def _bases(root: Path, settings: YoloSettings) -> list[Path]:
    """The folders that relative entries may start from; all lie in the folder of the dataset."""
    given = _candidates(root, [root], settings.path) if settings.path else ()
    file = Path(os.path.normpath(Path.cwd() / settings.file))
    beside = [file.parent] if file.is_relative_to(root) else []
    return [*filter(Path.is_dir, given), *beside, root]


def _candidates(root: Path, bases: Sequence[Path], entry: str) -> Iterator[Path]:
    """Where an entry may lie, likeliest first and always in the folder.

    Roboflow writes ../train/images for train/images; an absolute path of another machine stands
    for its last parts, of which there must be two: every split has a folder called images.
    """
    path = PurePosixPath(entry.replace("\\", "/"))
    parts = [part for part in path.parts if part not in ("/", "..")]
    tails = ["/".join(parts[first:]) for first in range(1, len(parts) - 1)]
    absolute = path.is_absolute() or PureWindowsPath(entry).is_absolute()
    for name in (str(path), "/".join(parts), *(tails if absolute else ())):
        for base in bases:
            try:
                yield inside(root, str(base / name))
            except UserError:  # it leads out of the folder
                continue


def _pictures_at(root: Path, settings: YoloSettings, place: Path) -> Iterator[str]:
    """The pictures in a folder and all below it, or those of a list, as paths below `root`."""
    if place.is_dir():
        files = (Path(folder) / name for folder, _, names in os.walk(place) for name in names)
        yield from (file.relative_to(root).as_posix() for file in files if _is_picture(file))
        return
    try:
        if place.stat().st_size > MAX_LIST:
            raise ValueError(f"it has more than {MAX_LIST} bytes")
        lines = place.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the list of pictures {place}: {error}") from error
    bases = [place.parent, *_bases(root, settings)]
    for line in filter(None, map(str.strip, lines)):
        path = next(filter(is_file, _candidates(root, bases, line)), None)
        if path is None:
            raise UserError(f"{place} names a picture that is not in {root}: {line:.200}")
        yield path.relative_to(root).as_posix()


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".")


def label_file(root: Path, picture: str) -> Path | None:
    """The label file of a picture; None if it has none.

    It lies in the folder labels in place of the last folder images of the path, or else beside the
    picture.
    """
    path = PurePosixPath(picture).with_suffix(".txt")
    parts = list(path.parts)
    below_images = [row for row, part in enumerate(parts[:-1]) if part.lower() == "images"]
    candidates = [path]
    if below_images:
        parts[below_images[-1]] = "labels"
        candidates = [PurePosixPath(*parts), path]
    return next((root / file for file in candidates if is_file(root / file)), None)
