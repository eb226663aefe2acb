"""Writing of ODVG's grounding lines."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.spans import Phrase


def grounding_of(
    caption: str,
    phrases: Sequence[Phrase],
    boxes: NDArray[np.float64],
    targets: Sequence[int],
    scores: NDArray[np.float64] | None,
) -> dict[str, Any]:
    """The object `grounding` of a line: a caption with a region for each phrase that has boxes.

    Boxes (N, 4) are corners of which the second lies outside the box; `targets` (N,) are indices
    into `phrases`. Without `scores` (N,) regions have none.
    """
    corners = np.round(boxes, 4).tolist()
    rounded_scores = None if scores is None else np.round(scores, 4).tolist()
    rows_of_phrase: dict[int, list[int]] = {}
    for row, phrase in enumerate(targets):
        rows_of_phrase.setdefault(phrase, []).append(row)
    regions = []
    for phrase, rows in rows_of_phrase.items():
        region: dict[str, Any] = {
            "bbox": [corners[row] for row in rows],
            "phrase": [caption[start:end] for start, end in phrases[phrase]],
            "tokens_positive": [list(span) for span in phrases[phrase]],
        }
        if rounded_scores is not None:
            region["score"] = [rounded_scores[row] for row in rows]
        regions.append(region)
    return {"caption": caption, "regions": regions}
