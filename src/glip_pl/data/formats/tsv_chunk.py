"""The files that one YAML file of the official TSV format names."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from glip_pl.data.formats.tsv_labels import size_of
from glip_pl.data.formats.tsv_rows import offsets_file, read_row
from glip_pl.data.image_folder import inside
from glip_pl.errors import UserError
from glip_pl.files.small_yaml import read_small_yaml


@dataclass(frozen=True)
class TsvChunk:
    """Pictures, their labels, and what belongs to them; None for files that the YAML leaves out."""

    source: Path  # the YAML
    img: Path  # rows of key and picture
    label: Path  # rows of key and JSON
    hw: Path | None  # rows of key, height and width
    linelist: Path | None  # rows of the label file to use, which may repeat
    imageid2idx: Path | None  # rows of the picture file by image id
    labelmap: Path | None  # numbers of the categories

    @classmethod
    def read(cls, source: Path) -> "TsvChunk":
        """The chunk of a YAML file. Raises UserError if it is malformed or a file is missing."""
        settings = read_small_yaml(source)
        if not isinstance(settings, dict) or not {"img", "label"} <= settings.keys():
            raise UserError(f"{source} names no `img` and `label`")
        return cls(
            source,
            img=_named_file(source, settings, "img"),
            label=_named_file(source, settings, "label"),
            hw=_optional_file(source, settings, "hw"),
            linelist=_optional_file(source, settings, "linelist"),
            imageid2idx=_optional_file(source, settings, "imageid2idx"),
            labelmap=(
                _optional_file(source, settings, "labelmap")
                or _optional_file(source, settings, "jsondict")
            ),
        )

    def files(self) -> list[Path]:
        """The files whose change makes an index outdated.

        The large file of pictures is not among them if another file lists where its rows start.
        """
        listing = offsets_file(self.img)
        pictures = listing if listing.is_file() else self.img
        others = (self.label, self.hw, self.linelist, self.imageid2idx, self.labelmap)
        return [self.source, pictures, *(file for file in others if file is not None)]

    def names(self) -> list[str]:
        """Categories in the order of their numbers, without the background.

        Raises UserError if the label map cannot be read.
        """
        if self.labelmap is None:
            return []
        try:
            if self.labelmap.suffix == ".tsv":
                lines = self.labelmap.read_text().splitlines()
                numbers = {line.split("\t")[0]: number for number, line in enumerate(lines, 1)}
            else:
                content = json.loads(self.labelmap.read_bytes())
                numbers = {
                    str(name): int(number)
                    for name, number in content.get("label_to_idx", content).items()
                }
        except (ValueError, AttributeError, TypeError, OverflowError, RecursionError) as error:
            raise UserError(f"{self.labelmap} is not a label map: {error}") from error
        numbers.pop("__background__", None)
        return sorted(numbers, key=numbers.__getitem__)

    def label_rows(self, row_count: int) -> Sequence[int]:
        """Rows of the label file in the order of the linelist, or all `row_count` rows.

        Raises UserError if the linelist cannot be read.
        """
        if self.linelist is None:
            return range(row_count)
        try:
            return [int(line) for line in self.linelist.read_text().split()]
        except ValueError as error:
            raise UserError(f"{self.linelist} is not a list of row numbers: {error}") from error

    def read_label(self, offset: int) -> tuple[str, bytes]:
        """Key and JSON of the label row that starts at a byte."""
        key, _, label = read_row(self.label, offset).partition(b"\t")
        return key.decode(errors="replace"), label

    def read_size(self, offset: int) -> tuple[int, int]:
        """Height and width from the row of the hw file that starts at a byte.

        Raises KeyError, TypeError or ValueError if the row is malformed.
        """
        assert self.hw is not None
        return size_of(read_row(self.hw, offset).partition(b"\t")[2])

    def picture_row(self, label: Any, label_row: int) -> int:
        """The row of the picture file to which a label belongs."""
        if self.imageid2idx is None:
            return label_row
        return int(self._picture_rows[str(label["img_id"])])

    @cached_property
    def _picture_rows(self) -> Mapping[str, int]:
        """Rows of the picture file by image id. Raises UserError if the file cannot be read."""
        assert self.imageid2idx is not None
        try:
            rows: object = json.loads(self.imageid2idx.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"cannot read {self.imageid2idx}: {error}") from error
        if not isinstance(rows, dict):
            raise UserError(f"{self.imageid2idx} is not a JSON object of row numbers by image id")
        return rows


def _named_file(source: Path, settings: Mapping[str, Any], key: str) -> Path:
    """The file that the YAML names under a key. Raises UserError if it does not exist."""
    path = inside(source.parent, str(settings[key]))
    if not path.is_file():
        name = str(settings[key])[:200]
        raise UserError(f"{source} names `{key}: {name}`, and there is no such file")
    return path


def _optional_file(source: Path, settings: Mapping[str, Any], key: str) -> Path | None:
    return None if settings.get(key) is None else _named_file(source, settings, key)
