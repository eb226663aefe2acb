"""What annotation files call pictures, so that no two names are equal and none leads elsewhere."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.errors import UserError


def with_names(images: Sequence[AnnotatedImage], root: Path | None) -> list[AnnotatedImage]:
    """The images with their `name`: the given one, or the path relative to `root` with slashes.

    Without `root` it is the deepest folder that holds all pictures. Raises UserError for a picture
    outside `root`.
    """
    unnamed = [image.path for image in images if not image.name]
    folder = _absolute(root) if root is not None else _common_folder(unnamed)
    return [image if image.name else _named(image, folder) for image in images]


def _common_folder(paths: Sequence[Path]) -> str:
    """Raises UserError for paths on several drives."""
    try:
        return os.path.commonpath([_absolute(path.parent) for path in paths] or [""])
    except ValueError as error:
        raise UserError(f"the pictures have no common folder: {error}") from error


def _absolute(path: Path) -> str:
    # Symbolic links are not resolved: a picture keeps the name that its folder gives it.
    return os.path.normpath(Path.cwd() / path)


def _named(image: AnnotatedImage, folder: str) -> AnnotatedImage:
    path = Path(_absolute(image.path))
    if not path.is_relative_to(folder):
        raise UserError(f"the picture {image.path} is not below the folder {folder}")
    return replace(image, name=path.relative_to(folder).as_posix())


def safe_parts(name: str) -> tuple[str, ...]:
    """The folders and the file of a name, none of which leads up or to the root."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return tuple(part for part in parts if part not in ("/", "..")) or ("picture",)


def distinct_files(names: Sequence[str], flat: bool) -> list[str]:
    """A relative path for each name; they differ even without suffixes and in lower case.

    So each picture has its own label file, on every file system. With `flat` the folders become
    part of the file name: a/b.jpg is a_b.jpg. Of equal ones the later get a number: b_2.png.
    """
    paths = [PurePosixPath(*safe_parts(name)) for name in names]
    if flat:
        paths = [PurePosixPath("_".join(path.parts)) for path in paths]
    taken = {_key(path) for path in paths}
    used: set[str] = set()
    files = []
    for path in paths:
        file, number = path, 2
        while _key(file) in used or (file != path and _key(file) in taken):
            file = path.with_name(f"{path.stem}_{number}{path.suffix}")
            number += 1
        used.add(_key(file))
        files.append(file.as_posix())
    return files


def _key(path: PurePosixPath) -> str:
    return path.with_suffix("").as_posix().casefold()
