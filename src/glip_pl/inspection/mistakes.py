"""Mistakes in a set that its file format allows, but that make figures meaningless."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.index import Index
from glip_pl.errors import some
from glip_pl.prompts.tokens import Tokenizer, unknown_names

Severity = Literal["told", "fails", "stops"]
"""Whether a mistake is only told, fails `check` (training warns), or stops a training too."""

FRACTIONS = "boxes as fractions of the picture"
PERCENTAGES = "boxes that may be percentages"
THIN = "boxes of at most a pixel"
ALIKE = "names that differ only in case or spaces"
REPEATED = "pictures listed more than once"
UNKNOWN = "names unknown to the text encoder"

SUSPICIOUS = 0.05
"""Share of boxes in the first pixel of their pictures from which they are taken for fractions."""

MANY = 10
"""Boxes from which on their common limit of 100 is taken for a percentage."""

LARGE = 200
"""Pixels of a side from which boxes that all end at 100 are taken for percentages."""


@dataclass(frozen=True)
class Mistake:
    """One kind of mistake in a set, or between two sets."""

    kind: str
    message: str  # one line with the file, the number, examples and the remedy
    severity: Severity

    def __str__(self) -> str:
        """Kind and message as one line."""
        return f"{self.kind}: {self.message}"


def mistakes_of(source: str, index: Index) -> list[Mistake]:
    """The mistakes in the boxes and names of a set; `source` names its annotations in messages."""
    mistakes = _scale_mistakes(source, index) or _thin_boxes(source, index)
    mistakes += _repeated_pictures(source, index)
    alike = [names for names in _by_spelling(index.names).values() if len(names) > 1]
    if alike:
        message = (
            f"{source} has {some([' and '.join(map(repr, names)) for names in alike])}, which a "
            "prompt cannot tell apart: give them one id, or other names"
        )
        mistakes.append(Mistake(ALIKE, message, "fails"))
    return mistakes


def unknown_to(tokenizer: Tokenizer, names: Sequence[str], source: str) -> list[Mistake]:
    """The mistake that the vocabulary does not know some of the names in prompts, if there is."""
    unknown = unknown_names(tokenizer, names)
    if not unknown:
        return []
    message = (
        f"{source} has {len(unknown)} names of which the vocabulary does not know all parts: "
        f"{some(unknown)}. The model cannot tell such names apart well; a remedy: "
        "data.prompts={name: other words}"
    )
    return [Mistake(UNKNOWN, message, "told")]


def spelling(name: str) -> str:
    """A name without what a prompt ignores: case, underscores, repeated spaces."""
    return " ".join(name.replace("_", " ").casefold().split())


def _by_spelling(names: Sequence[str]) -> dict[str, list[str]]:
    by_spelling: dict[str, list[str]] = {}
    for name in names:
        by_spelling.setdefault(spelling(name), []).append(name)
    return by_spelling


def _scale_mistakes(source: str, index: Index) -> list[Mistake]:
    """Boxes that end within a pixel of the corner, or all within a hundred, of large pictures."""
    boxes = index.boxes.values
    if not len(boxes):
        return []
    limits, sides = boxes.max(1), index.sizes[index.boxes.lengths() > 0]
    # The index holds the last pixels of boxes, one less than the corners in the file.
    small = np.flatnonzero(limits <= 1)
    if len(small) >= SUSPICIOUS * len(boxes) and sides.max() > 4:
        message = (
            f"{len(small)} of {len(boxes)} boxes of {source} end within a pixel of the upper left "
            f"corner ({_examples(index, small)}): multiply them by the width and height of their "
            "pictures"
        )
        return [Mistake(FRACTIONS, message, "stops" if 2 * len(small) >= len(boxes) else "fails")]
    if len(boxes) >= MANY and 50 < limits.max() <= 100 and sides.min() >= LARGE:
        message = (
            f"all {len(boxes)} boxes of {source} end at 100 or less in pictures of at least "
            f"{sides.min()} pixels ({_examples(index, np.arange(3))}): boxes are measured in pixels"
        )
        return [Mistake(PERCENTAGES, message, "told")]
    return []


def _thin_boxes(source: str, index: Index) -> list[Mistake]:
    """Boxes that are at most a pixel wide or high."""
    boxes = index.boxes.values
    thin = np.flatnonzero((boxes[:, 2:] - boxes[:, :2] <= 0).any(1))
    if not len(thin):
        return []
    message = (
        f"{len(thin)} of {len(boxes)} boxes of {source} are at most a pixel wide or high "
        f"({_examples(index, thin)}): correct or remove them"
    )
    return [Mistake(THIN, message, "fails" if 2 * len(thin) > len(boxes) else "told")]


def _repeated_pictures(source: str, index: Index) -> list[Mistake]:
    """Pictures with several entries of boxes by category, of which each lacks the others' boxes."""
    rows = np.flatnonzero(~index.captioned).tolist()
    counts = Counter(index.images[row] for row in rows)
    repeated = [repr(name) for name, count in counts.items() if count > 1]
    if not repeated:
        return []
    message = (
        f"{source} has several entries for {some(repeated)}: what is annotated in one of them is "
        "background in the others. Give every picture one entry"
    )
    return [Mistake(REPEATED, message, "fails")]


def _examples(index: Index, numbers: NDArray[np.int64]) -> str:
    """The first of these boxes for messages: their corners in pixels, and their pictures."""
    examples = []
    for number in numbers[:3].tolist():
        row = int(np.searchsorted(index.boxes.offsets, number, side="right")) - 1
        x, y = (round(float(side), 3) for side in index.boxes.values[number, :2])
        examples.append(f"at {x:g}, {y:g} in {index.images[row]!r}")
    return "; ".join(examples)
