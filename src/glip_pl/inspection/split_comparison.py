"""Compares the splits of a dataset: what is evaluated must be what was trained."""

import filecmp
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

import numpy as np

from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.index import Index
from glip_pl.data.indexing import source_name
from glip_pl.data.records import Reader
from glip_pl.errors import UserError, some
from glip_pl.inspection.mistakes import Mistake, Severity, spelling

NEVER_TRAINED = "names that training lacks"
NO_BOX = "names without a box in training"
SPELLING = "names that are written differently"
SHARED = "pictures that training shows too"

COMPARED = 500
"""Most pairs of pictures whose content is compared."""


@dataclass(frozen=True, eq=False)
class ComparedSet:
    """What is compared of a set; `name` is its group and key, "train/custom"."""

    name: str
    reader: Reader
    index: Index

    @property
    def source(self) -> str:
        """Its annotations in messages."""
        return source_name(self.reader)

    def boxes_by_name(self) -> dict[str, int]:
        """The number of boxes of each category."""
        labels = self.index.targets.values[
            np.repeat(~self.index.captioned, self.index.boxes.lengths())
        ]
        counts = np.bincount(labels, minlength=len(self.index.names)).tolist()
        return dict(zip(self.index.names, counts, strict=True))


def compare_splits(sets: Sequence[ComparedSet], pictures: bool) -> list[Mistake]:
    """The mistakes between training sources and the evaluation sets with the same key.

    With `pictures` also the pictures that are in both. Sets with other keys are other data, such as
    those of a zero-shot evaluation.
    """
    by_key = {_key(one): one for one in sets if one.name.startswith("train/")}
    captions = any(one.index.captioned.any() for one in by_key.values())
    mistakes = []
    for one in sets:
        trained = by_key.get(_key(one))
        if trained is None or one is trained or one.reader == trained.reader:
            continue
        if one.index.names and trained.index.names:
            mistakes += _compare_names(trained, one, captions)
        if pictures:
            mistakes += _compare_pictures(trained, one)
    return mistakes


def _key(one: ComparedSet) -> str:
    return one.name.partition("/")[2]


def _compare_names(trained: ComparedSet, other: ComparedSet, captions: bool) -> list[Mistake]:
    """Names with boxes in `other` that `trained` lacks, or writes differently, or never shows.

    With `captions` training may learn further names from them.
    """
    counts, known = other.boxes_by_name(), trained.boxes_by_name()
    by_spelling = {spelling(name): name for name in known}
    asked = {name: count for name, count in counts.items() if count}
    lacking = [name for name in asked if spelling(name) not in by_spelling]
    mistakes = []
    if lacking:
        boxes = sum(asked[name] for name in lacking)
        mostly = 2 * boxes >= sum(asked.values())
        listing = some([_with_nearest(name, known) for name in lacking])
        message = (
            f"{boxes} of {sum(asked.values())} boxes of {other.source} have names that "
            f"{trained.source} lacks: {listing}. Give all splits the same categories, or correct "
            "the names"
        )
        severity: Severity = "told" if captions else "stops" if mostly else "fails"
        mistakes.append(Mistake(NEVER_TRAINED, message, severity))
    pairs = {name: by_spelling[spelling(name)] for name in asked if name not in lacking}
    different = [f"{name!r} and {same!r}" for name, same in pairs.items() if name != same]
    if different:
        message = f"{other.source} and {trained.source} have {some(different)}"
        mistakes.append(Mistake(SPELLING, message, "told"))
    unseen = [f"{name!r} ({asked[name]} boxes)" for name, same in pairs.items() if not known[same]]
    if unseen:
        message = f"{trained.source} has no box of {some(unseen)}, which {other.source} asks for"
        mistakes.append(Mistake(NO_BOX, message, "told"))
    return mistakes


def _with_nearest(name: str, known: Mapping[str, int]) -> str:
    """A name, and the most similar of those that are known."""
    by_spelling = {spelling(one): one for one in known}
    near = get_close_matches(spelling(name), by_spelling, 1)
    return f"{name!r} (there is {by_spelling[near[0]]!r})" if near else repr(name)


def _compare_pictures(trained: ComparedSet, other: ComparedSet) -> list[Mistake]:
    """Pictures of `other` that training shows too, found by their paths or names and content."""
    try:
        images, others = trained.reader.open_images(), other.reader.open_images()
    except UserError:  # told where the pictures are looked for
        return []
    if not isinstance(images, ImageFolder) or not isinstance(others, ImageFolder):
        return []
    shared = list(_shared(images, trained.index, others, other.index))
    if not shared:
        return []
    message = (
        f"{len(shared)} of {len(other.index)} pictures of {other.source} are also in "
        f"{trained.source}, so its figures are too good: {some(shared)}"
    )
    return [Mistake(SHARED, message, "told")]


def _shared(images: ImageFolder, index: Index, others: ImageFolder, other: Index) -> Iterator[str]:
    """Names of pictures of `other` that are equal to one of `index`; content up to COMPARED."""
    same_folder = images.roots[0] == others.roots[0]
    wanted = {_compared_name(name, same_folder): name for name in _names(other)}
    compared = 0
    for name in _names(index):
        match = wanted.get(_compared_name(name, same_folder))
        if match is None:
            continue
        if same_folder and match == name:
            yield match
        elif compared < COMPARED:
            compared += 1
            if _equal(images.roots[0] / name, others.roots[0] / match):
                yield match


def _compared_name(name: str, same_folder: bool) -> str:
    return name if same_folder else PurePosixPath(name).name


def _names(index: Index) -> Iterator[str]:
    return (index.images[row] for row in range(len(index)))


def _equal(first: Path, second: Path) -> bool:
    """Whether two files can be read and have the same content."""
    try:
        return filecmp.cmp(first, second, shallow=False)
    except (OSError, ValueError):  # ValueError: a name with a zero byte
        return False
