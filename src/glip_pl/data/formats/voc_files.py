"""Where the XML files of a folder in VOC's form lie, those of a split, and their pictures."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from glip_pl.data.image_folder import ImageFolder, inside
from glip_pl.data.images import SUFFIXES
from glip_pl.data.layout import ALIASES
from glip_pl.data.picture_names import FolderNames
from glip_pl.errors import UserError

XML_FOLDERS = ("Annotations", "annotations", "labels")
"""Folders of XML files; in other layouts these lie beside their pictures."""

PICTURE_FOLDERS = ("JPEGImages", "images", "Images")
"""Folders of pictures beside those of XML files."""

LISTS = ("ImageSets/Main", "ImageSets", ".")
"""Folders that the lists of the splits' pictures may lie in."""

COLUMN = re.compile(r"\s+[-+]?[01]$")
"""The second column of lists such as dog_train.txt: whether the picture holds the category."""


@dataclass(frozen=True)
class VocFiles:
    """The files of a split."""

    xml: Sequence[Path]
    others: Sequence[Path]  # XML files of other splits, whose categories are the same
    listing: Path | None  # file that names the split's pictures
    pictures: Sequence[Path]  # folders that pictures may lie in, likeliest first


def find_files(root: Path, split: str | None) -> VocFiles:
    """The files of a split: from a list of pictures, or all in the split's own folder.

    With None as split they are all files of the folder. Raises UserError if there are none.
    """
    if split is None:
        return _all_in(root, [])
    names = ALIASES.get(split, (split,))
    listings = [root / folder / f"{name}.txt" for folder in LISTS for name in names]
    listing = next((path for path in listings if path.is_file()), None)
    if listing is not None:
        folder = _xml_folder(root)
        xml = list(dict.fromkeys(_listed(folder, line) for line in _lines(listing)))
        others = sorted(set(_xml_in(folder)) - set(xml))
        return VocFiles(xml, others, listing, _picture_folders(root, folder))
    for name in names:
        if (root / name).is_dir():
            return _all_in(root / name, [root / other for other in _other_splits(split)])
    raise UserError(
        f"{root} has no split {split}: neither the list of pictures {listings[0]} nor a folder "
        f"{names[0]} with XML files. The setting `split` names another, or is null for all files"
    )


def _all_in(folder: Path, others: Sequence[Path]) -> VocFiles:
    """All XML files of a folder. Raises UserError if there is none."""
    xml_folder = _xml_folder(folder)
    xml = sorted(_xml_in(xml_folder))
    if not xml:
        raise UserError(f"{xml_folder} holds no .xml file")
    of_others = [file for other in others for file in _xml_in(_xml_folder(other))]
    return VocFiles(xml, sorted(of_others), None, _picture_folders(folder, xml_folder))


def _other_splits(split: str) -> list[str]:
    return [name for other, names in ALIASES.items() if other != split for name in names]


def _xml_folder(root: Path) -> Path:
    return next((root / name for name in XML_FOLDERS if (root / name).is_dir()), root)


def _xml_in(folder: Path) -> Iterator[Path]:
    """The XML files directly in a folder; none if there is no such folder."""
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.suffix.lower() == ".xml")


def _picture_folders(root: Path, xml_folder: Path) -> list[Path]:
    named = [root / name for name in PICTURE_FOLDERS if (root / name).is_dir()]
    return [xml_folder, *named] if xml_folder == root else [*named, xml_folder]


def _lines(listing: Path) -> Iterator[str]:
    """The lines of a list of pictures that are not blank. Raises UserError if it is unreadable."""
    try:
        text = listing.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UserError(f"cannot read the list of pictures {listing}: {error}") from error
    return (line.strip() for line in text.splitlines() if line.strip())


def _listed(folder: Path, line: str) -> Path:
    """The XML file that a line names: by its stem, which may hold blanks, or by a file name.

    The line may have a second column. Raises UserError if it leads out of the folder.
    """
    first = COLUMN.sub("", line)
    path = inside(folder, f"{line}.xml")
    if path.is_file():
        return path
    for stem in (first, Path(line).stem, Path(first).stem):
        other = inside(folder, f"{stem}.xml")
        if other.is_file():
            return other
    return inside(folder, f"{first}.xml")


def picture_name(images: ImageFolder, names: FolderNames, stem: str, given: str) -> str:
    """The name of the picture of an XML file that is called `stem` and that names the file `given`.

    The picture with the same stem is meant if there is one: programs that copy files leave old
    names in them, which is why others that read VOC's form go by the stem alone.
    """
    suffix = Path(given).suffix if Path(given).suffix.lower() in SUFFIXES else ".jpg"
    for root in images.roots:
        for end in dict.fromkeys((suffix, *sorted(SUFFIXES))):
            path = names.find(root, [f"{stem}{end}"])
            if path is not None:
                return path.name
    try:
        path = images.locate(given)
    except UserError:
        return f"{stem}{suffix}"
    relative = (os.path.relpath(path, root) for root in images.roots)
    return next(name for name in relative if not name.startswith(os.pardir))
