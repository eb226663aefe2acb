"""Score thresholds by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Self

import numpy as np

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.errors import UserError, some
from glip_pl.files.reading import read_json


@dataclass(frozen=True)
class Thresholds:
    """Scores that boxes must exceed: one for all names, and others for some of them."""

    common: float
    of_name: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, common: float, of_name: Mapping[str, float] | str | None) -> Self:
        """Those of the settings, where `of_name` may be a JSON file {"name": threshold}.

        Raises UserError if the file is something else.
        """
        if not isinstance(of_name, str):
            return cls(common, of_name or {})
        try:
            content = read_json(Path(of_name).expanduser())
            values = {str(name): float(value) for name, value in content.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UserError(
                f'thresholds={of_name} is no JSON file such as {{"cat": 0.5}}: {error}'
            ) from error
        wrong = [name for name, value in values.items() if not 0 <= value <= 1]
        if wrong:
            raise UserError(f"{of_name}: the threshold of {some(wrong)} must be from 0 to 1")
        return cls(common, values)

    def after(self, others: Mapping[str, float | None]) -> Self:
        """These, and before them `others` for names that have none here; None: the common one."""
        known = {name: value for name, value in others.items() if value is not None}
        own = {_spelling(name) for name in self.of_name}
        added = {name: value for name, value in known.items() if _spelling(name) not in own}
        return replace(self, of_name={**added, **self.of_name})

    @property
    def lowest(self) -> float:
        """The lowest of all."""
        return min(self.common, *self.of_name.values(), 1.0)

    def by_label(self, classes: Sequence[str]) -> list[float]:
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
