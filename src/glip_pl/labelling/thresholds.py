"""Score thresholds by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

import numpy as np

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.errors import UserError, some


@dataclass(frozen=True)
class Thresholds:
    """Scores that boxes must exceed: one for all names, and others for some of them."""

    common: float
    of_name: Mapping[str, float] = field(default_factory=dict)

    @property
    def lowest(self) -> float:
        """The lowest of all."""
        return min(self.common, *self.of_name.values(), 1.0)

    def by_label(self, classes: Sequence[str]) -> "list[float]":
        """The threshold of each class. Raises UserError for a name that is no class."""
        by_spelling = {_spelling(name): value for name, value in self.of_name.items()}
        spellings = [_spelling(name) for name in classes]
        unknown = [name for name in self.of_name if _spelling(name) not in spellings]
        if unknown:
            near = get_close_matches(_spelling(unknown[0]), spellings, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise UserError(
                f"the setting thresholds has {unknown[0]!r}{hint}, which is not searched for: the "
                f"names are {some(list(classes), 10)}"
            )
        return [by_spelling.get(spelling, self.common) for spelling in spellings]


def _spelling(name: str) -> str:
    """A name without what does not matter: case and repeated spaces."""
    return " ".join(name.casefold().split())


def above(image: AnnotatedImage, by_label: Sequence[float]) -> AnnotatedImage:
    """Only the boxes that score above the threshold of their label."""
    assert image.scores is not None
    kept = image.scores > np.asarray(by_label, dtype=np.float64)[image.labels]
    return replace(
        image, boxes=image.boxes[kept], labels=image.labels[kept], scores=image.scores[kept]
    )
