"""Converts the sets of `data=` into annotation files of other programs, ODVG lines or shards."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.writing import (
    DEFAULT_NAMES,
    FOLDERS,
    check_target,
    write_annotations,
    write_splits,
)
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.index import Index
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError, some
from glip_pl.files.writing import partial_folder
from glip_pl.inspection.export import annotated_image, write_odvg, write_picture, write_shards
from glip_pl.inspection.named_set import NamedSet, some_rows
from glip_pl.terminal.progress import with_progress

SHARDS = "shards"
"""The format that also holds the pictures."""


@dataclass(frozen=True)
class Conversion:
    """The settings `convert.*`, with the folder and the seed of the command."""

    format: str  # one of annotations.writing.FORMATS, or SHARDS
    output: Path
    per_shard: int
    count: int | None  # random records of each set; None: all
    copy_pictures: bool  # whether YOLO's and VOC's folders get copies of the pictures
    seed: int

    def run(self, sets: Sequence[tuple[NamedSet, Index]]) -> Iterator[str]:
        """Convert all sets; yields a line for each result.

        Raises UserError for sets that the format cannot hold, and for what `write_annotations`,
        `write_odvg` and `write_shards` refuse.
        """
        if self.format in FOLDERS:
            yield from self._folders(sets)
            return
        for named_set, index in sets:
            yield f"{named_set.name}: {self._convert(named_set, index)}"

    def _convert(self, named_set: NamedSet, index: Index) -> str:
        """Convert one set into its own folder; returns what was written."""
        folder = self.output / named_set.name
        rows = self._rows(named_set.name, index)
        if self.format == SHARDS:
            shards = write_shards(named_set, index, folder, rows, self.per_shard)
            return f"{len(shards)} shards in {folder}"
        if self.format == "odvg":
            return str(write_odvg(named_set, index, folder, rows))
        _require_categories(named_set, index, self.format)
        out = folder / DEFAULT_NAMES[self.format]
        check_target(out, self.format)
        annotated = _annotated(named_set, index, rows, False, folder / "images")
        write_annotations(annotated, index.names, out, self.format)
        return str(out)

    def _folders(self, sets: Sequence[tuple[NamedSet, Index]]) -> Iterator[str]:
        """Convert the splits of each dataset into one folder."""
        datasets: dict[str, list[tuple[str, NamedSet, Index]]] = {}
        for named_set, index in sets:
            _require_categories(named_set, index, self.format)
            group, _, key = named_set.name.partition("/")
            datasets.setdefault(key, []).append((group, named_set, index))
        for key, splits in datasets.items():
            names = _common_names([(named_set, index) for _, named_set, index in splits])
            out = self.output / key
            check_target(out, self.format)
            with partial_folder(self.output / f"{key}_pictures") as folder:
                content = {
                    group: _annotated(
                        named_set,
                        index,
                        self._rows(named_set.name, index),
                        self.copy_pictures,
                        folder / group if self.copy_pictures else None,
                    )
                    for group, named_set, index in splits
                }
                write_splits(content, names, out, self.format, copy_pictures=self.copy_pictures)
            yield f"{', '.join(content)} of {key}: {out}"

    def _rows(self, name: str, index: Index) -> Iterator[int]:
        chosen: Sequence[int] = range(len(index))
        if self.count is not None:
            chosen = some_rows(index, self.count, self.seed)
        return with_progress(chosen, len(chosen), f"{name}: record")


def _annotated(
    named_set: NamedSet, index: Index, rows: Iterable[int], copies: bool, folder: Path | None
) -> Iterator[AnnotatedImage]:
    """The records `rows`, with the paths of their files if these are to be copied.

    Pictures of archives are written to `folder`, if it is given. Raises UserError if more pictures
    cannot be read than the set tolerates.
    """
    images = named_set.reader.open_images()
    filtered = named_set.filtered(index)
    problems, seen = Problems(named_set.tolerate), 0
    for row in rows:
        seen += 1
        name = index.images[row]
        path = Path(name)
        try:
            if isinstance(images, ImageFolder):
                path = images.find(name) if copies else path
            elif folder is not None:
                name = write_picture(images.read(name), row, folder)
                path = folder / name
        except UserError as error:
            problems.error("picture left out", str(error), seen)
            continue
        yield annotated_image(index, row, filtered, path, name)
    problems.judge(seen)


def _require_categories(named_set: NamedSet, index: Index, format: str) -> None:
    """Raise UserError for captions, whose boxes belong to phrases."""
    if index.captioned.any():
        raise UserError(
            f"{named_set.name} has captions, and convert.format={format} holds boxes of categories "
            "alone: use convert.format=odvg or shards, or leave the set out (the setting `sets`)"
        )


def _common_names(splits: Sequence[tuple[NamedSet, Index]]) -> Sequence[str]:
    """The categories of all splits. Raises UserError if they differ."""
    first, names = splits[0][0].name, list(splits[0][1].names)
    different = [named_set.name for named_set, index in splits if list(index.names) != names]
    if different:
        raise UserError(
            f"{some(different)} has other categories than {first}, and the splits of a folder "
            f"share them: convert one split at a time, sets=[{first}]"
        )
    return names
