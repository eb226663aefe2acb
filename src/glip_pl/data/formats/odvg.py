"""ODVG: one JSON object per line (MM-Grounding-DINO, Open-GroundingDino, LLMDet)."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glip_pl.data.images import ImageFolder
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record, box_array, captioned
from glip_pl.errors import UserError
from glip_pl.types import Phrase

MAX_LINE = 16 << 20
"""Bytes of one line; what is longer is no record."""


@dataclass(frozen=True)
class OdvgJsonl:
    """Detection lines, grounding lines, or both in one file.

    `label_map` is a JSON file from "0", "1", ... to names; without it, categories are the names
    that detection lines give, in the order of their labels.
    """

    annotations: str | Path
    images: str | Path | Sequence[str | Path]
    label_map: str | Path | None = None

    @property
    def files(self) -> Sequence[Path]:
        """The lines, and the label map."""
        return [Path(file) for file in (self.annotations, self.label_map) if file is not None]

    def open_images(self) -> ImageFolder:
        """The folder or folders of the pictures."""
        return ImageFolder.at(self.images)

    def read(self, problems: Problems) -> Contents:
        """One record per line; ids are line numbers, from 0."""
        names = self._names()
        return Contents(self._records(names, problems), names)

    def _names(self) -> list[str]:
        if self.label_map is not None:
            return read_label_map(Path(self.label_map))
        found: dict[int, str] = {}
        for _, line in _lines(Path(self.annotations), Problems(1.0)):
            for instance in _instances(line):
                if isinstance(instance.get("label"), int) and "category" in instance:
                    found.setdefault(instance["label"], str(instance["category"]))
        return _without_gaps(found, Path(self.annotations))

    def _records(self, names: Sequence[str], problems: Problems) -> Iterator[Record]:
        path = Path(self.annotations)
        for number, line in _lines(path, problems):
            try:
                yield record_of(line, number, len(names))
            except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
                message = f"{path}: line {number + 1} makes no sense: {error!r:.200}"
                problems.error("line that makes no sense", message, number + 1)


def read_label_map(path: Path) -> list[str]:
    """Names by label from a JSON file {"0": name, ...}. Raises UserError."""
    try:
        given = json.loads(path.read_bytes())
        found = {int(label): str(name) for label, name in given.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{path} is no label map: {error}") from error
    return _without_gaps(found, path)


def _without_gaps(found: Mapping[int, str], path: Path) -> list[str]:
    if sorted(found) != list(range(len(found))):
        raise UserError(
            f"{path}: labels must run from 0 without a gap, and are {sorted(found)[:10]}"
        )
    return [found[label] for label in sorted(found)]


def _lines(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b"")):
            if not line.strip():
                continue
            try:
                content = json.loads(line)
                if not isinstance(content, dict):
                    raise ValueError("no object")
            except (ValueError, RecursionError) as error:
                message = f"{path}: line {number + 1} is no JSON object: {error!s:.200}"
                problems.error("line that is no JSON", message, number + 1)
                continue
            yield number, content


def _instances(line: Mapping[str, Any]) -> list[Any]:
    detection = line.get("detection")
    found = detection.get("instances") if isinstance(detection, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def record_of(
    line: Mapping[str, Any],
    image_id: int,
    categories: int,
    block: int = 0,
) -> Record:
    """A record from one parsed line.

    Raises KeyError, TypeError or ValueError if the line is of no known form.
    """
    name = str(line["filename"])
    size = int(line["height"]), int(line["width"])
    if "grounding" in line:
        return _grounding(line["grounding"], name, size, image_id, block)
    instances = line["detection"]["instances"]
    labels = [int(instance["label"]) for instance in instances]
    if labels and not 0 <= min(labels) <= max(labels) < categories:
        raise ValueError(f"labels {sorted(set(labels))} with {categories} categories")
    return Record(
        image=name,
        size=size,
        image_id=image_id,
        boxes=box_array([instance["bbox"] for instance in instances]),
        targets=np.asarray(labels, dtype=np.int64),
        scores=_scores([instance.get("score", 1.0) for instance in instances]),
        block=block,
    )


def _scores(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    scores = np.asarray(values, dtype=np.float32)
    if scores.ndim != 1:
        raise ValueError("a score is a list")
    return scores


def _grounding(
    content: Mapping[str, Any], name: str, size: tuple[int, int], image_id: int, block: int
) -> Record:
    """Regions of a caption. One region may have several boxes, phrases and spans.

    Files of Open-GroundingDino give no spans: a phrase is then looked for in the caption, and if
    one is not there, the caption becomes the phrases themselves, as that program has it.
    """
    regions = content["regions"]
    caption = str(content["caption"])
    spans = [_spans(region, caption) for region in regions]
    if any(found is None for found in spans):
        texts = list(dict.fromkeys(phrase for region in regions for phrase in _texts(region)))
        caption = " . ".join(texts) + " ."
        starts = np.cumsum([0] + [len(text) + len(" . ") for text in texts]).tolist()
        span_of = {
            text: (start, start + len(text)) for text, start in zip(texts, starts, strict=False)
        }
        spans = [tuple(span_of[text] for text in _texts(region)) for region in regions]
    boxes: list[Any] = []
    of_box: list[Phrase] = []
    scores: list[Any] = []
    for region, phrase in zip(regions, spans, strict=True):
        if not phrase:
            continue  # a box without words cannot be asked for
        mine = region["bbox"]
        mine = mine if mine and isinstance(mine[0], list | tuple) else [mine]
        given = region.get("score", 1.0)
        boxes += mine
        of_box += [phrase] * len(mine)
        scores += given if isinstance(given, list) else [given] * len(mine)
    if len(scores) != len(boxes):
        raise ValueError(f"{len(scores)} scores for {len(boxes)} boxes")
    return captioned(
        image=name,
        size=size,
        image_id=image_id,
        boxes=box_array(boxes),
        caption=caption,
        of_box=of_box,
        scores=_scores(scores),
        block=block,
    )


def _texts(region: Mapping[str, Any]) -> list[str]:
    phrase = region["phrase"]
    return [str(text) for text in phrase] if isinstance(phrase, list) else [str(phrase)]


def _spans(region: Mapping[str, Any], caption: str) -> Phrase | None:
    """The region's spans: given, or where its phrases first stand in the caption, or None."""
    if "tokens_positive" in region:
        return tuple((int(start), int(end)) for start, end in region["tokens_positive"])
    # Whole words: "man" does not stand in "woman".
    found = [
        re.search(rf"(?<!\w){re.escape(text)}(?!\w)", caption, re.IGNORECASE)
        for text in _texts(region)
    ]
    matches = [match for match in found if match]
    return tuple(match.span() for match in matches) if len(matches) == len(found) else None


def grounding(
    caption: str,
    phrases: Sequence[Phrase],
    boxes: NDArray[np.float64],
    targets: Sequence[int],
    scores: NDArray[np.float64] | None,
) -> dict[str, Any]:
    """What a line holds of a caption: a region for each phrase that has boxes.

    Boxes (N, 4) are corners whose second pixel lies outside; `targets` point to `phrases`.
    """
    corners = np.round(boxes, 4).tolist()
    certain = None if scores is None else np.round(scores, 4).tolist()
    of_phrase: dict[int, list[int]] = {}
    for place, phrase in enumerate(targets):
        of_phrase.setdefault(phrase, []).append(place)
    regions = []
    for phrase, mine in of_phrase.items():
        region: dict[str, Any] = {
            "bbox": [corners[place] for place in mine],
            "phrase": [caption[start:end] for start, end in phrases[phrase]],
            "tokens_positive": [list(span) for span in phrases[phrase]],
        }
        if certain is not None:
            region["score"] = [certain[place] for place in mine]
        regions.append(region)
    return {"caption": caption, "regions": regions}
