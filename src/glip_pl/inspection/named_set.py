"""The sets that `data=` configures, as sources to inspect."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.filtering import BoxFilter, FilteredBoxes
from glip_pl.data.index import Index
from glip_pl.data.index_writer import IndexWriter, OutOfImage
from glip_pl.data.indexing import require_files, source_name
from glip_pl.data.picture_size import Exif, check_exif
from glip_pl.data.problems import Problems
from glip_pl.data.records import Reader
from glip_pl.errors import UserError, some
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.rewording import Rewording
from glip_pl.types import Prompt


@dataclass(frozen=True)
class NamedSet:
    """A source with the name of its setting, and with the settings by which a run would read it."""

    name: str  # "train/coco"
    reader: Reader
    out_of_image: OutOfImage = "error"
    tolerate: float = 0.0
    box_filter: BoxFilter | None = None
    wordings: Sequence[Wording] | Rewording | None = None
    exif: Exif = "upright"

    def __post_init__(self) -> None:
        """Raises UserError for another value of `exif`."""
        check_exif(self.exif)

    def filtered(self, index: Index) -> FilteredBoxes | None:
        """The boxes that a run would use; None if it uses all."""
        return None if self.box_filter is None else self.box_filter.of(index)

    @contextmanager
    def fresh_index(self, problems: Problems) -> Iterator[Index]:
        """A temporary index that is always read anew, so that `problems` collects everything."""
        require_files(self.reader)
        with tempfile.TemporaryDirectory() as folder:
            name = source_name(self.reader)
            with IndexWriter(Path(folder), name, problems, self.out_of_image) as writer:
                writer.write(self.reader.read(problems))
            yield Index.open(Path(folder))


def chosen_names(wanted: str | Sequence[str] | None, names: Sequence[str]) -> list[str]:
    """Those of the `names` (train/coco, val/coco, ...) that the setting `sets` wants, in order.

    A group stands for all its sets: `train`. None stands for all. Raises UserError, listing what
    there is, if a wanted set does not exist.
    """
    if wanted is None:
        return list(names)
    words = [word.strip() for word in wanted.split(",")] if isinstance(wanted, str) else wanted
    unknown = [word for word in words if not any(_is_meant(name, word) for name in names)]
    if unknown:
        near = get_close_matches(unknown[0], names, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise UserError(
            f"no such set: {some(unknown)}{hint} (the setting `sets`); data= configures "
            f"{', '.join(names)}, and train, val or test stand for all of a group"
        )
    return [name for name in names if any(_is_meant(name, word) for word in words)]


def _is_meant(name: str, word: str) -> bool:
    return name == word or name.startswith(f"{word.rstrip('/')}/")


def kept_boxes(index: Index, row: int, filtered: FilteredBoxes | None) -> NDArray[np.int64]:
    """Indices of a record's boxes that a run would use."""
    if filtered is None:
        return np.arange(len(index.boxes[row]))
    return np.flatnonzero(filtered.mask(row))


def phrase_texts(index: Index, row: int) -> list[str]:
    """The category or phrase of each box of a record, as text."""
    if not index.captioned[row]:
        return [index.names[int(label)] for label in index.targets[row]]
    prompt = Prompt(index.captions[row], index.phrases(row))
    texts = [prompt.phrase_text(phrase) for phrase in range(len(prompt.phrases))]
    return [texts[int(phrase)] for phrase in index.targets[row]]


def some_rows(index: Index, count: int, seed: int) -> Sequence[int]:
    """Up to `count` random records, sorted; only records with boxes, if there are any."""
    rows = np.flatnonzero(index.boxes.lengths() > 0)
    rows = rows if len(rows) else np.arange(len(index))
    chosen = np.random.default_rng(seed).choice(rows, min(count, len(rows)), replace=False)
    return [int(row) for row in np.sort(chosen)]
