"""A teacher grounds the noun phrases of captions: boxes for a student to learn from (paper 3.3)."""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps

from glip_pl.boxes import plain
from glip_pl.data.formats.odvg import grounding
from glip_pl.data.images import ImageFolder, suffix_of
from glip_pl.data.index import Index
from glip_pl.data.records import Images
from glip_pl.errors import UserError
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.quality import LabelQuality
from glip_pl.labelling.second_opinions import Scorer, agreeing, can_be_mirrored, rescored
from glip_pl.prompts.noun_phrases import NounPhrases
from glip_pl.types import Batch, Detections, Prompt

STORED = 0.1
"""Score from which on boxes are stored; who trains on them filters (data/filtering.py)."""


@dataclass(frozen=True, eq=False)
class Labeller:
    """A teacher, and what finds phrases for it. The one function that labels a shard is `shard`."""

    teacher: Predictor  # its decoder must let scores of STORED pass
    phrases: NounPhrases
    batch_size: int = 8
    mirror: bool = False  # also look at the mirrored picture, and trust what is found in both
    scorer: Scorer | None = None  # a second opinion

    def shard(self, index: Index, images: Images, rows: range, target: Path) -> dict[str, Any]:
        """Label the records `rows` and write them to `target`; returns what was counted.

        A target .jsonl gets ODVG lines, a .tar also the pictures. It appears complete or not at
        all; a picture that cannot be read is counted and named.
        """
        half = target.with_suffix(".tmp")
        counts: Counter[str] = Counter()
        quality = LabelQuality()
        bad: list[str] = []
        write = _write_tar if target.suffix == ".tar" else _write_lines
        write(half, images, self._lines(index, images, rows, counts, quality, bad))
        half.replace(target)
        return {**counts, "quality": quality.counts(), "bad": bad}

    def _lines(
        self,
        index: Index,
        images: Images,
        rows: range,
        counts: Counter[str],
        quality: LabelQuality,
        bad: list[str],
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Name of the picture and ODVG line of every record with a box."""
        captions = [index.captions[row] for row in rows]
        prompts = [
            Prompt(caption, phrases)
            for caption, phrases in zip(captions, self.phrases(captions), strict=True)
        ]
        counts.update(captions=len(rows), phrases=sum(len(one.phrases) for one in prompts))
        asked = [place for place, one in enumerate(prompts) if one.phrases]
        parts = [
            asked[first : first + self.batch_size]
            for first in range(0, len(asked), self.batch_size)
        ]

        def prepared(part: Sequence[int]) -> _Prepared:
            good: list[int] = []
            pictures: list[Image.Image] = []
            for place in part:
                name = index.images[rows[place]]
                try:
                    pictures.append(images.load(name))
                    good.append(place)
                except UserError as error:
                    bad.append(str(error))
            return self._prepared(good, pictures, [prompts[place] for place in good])

        for ready in self._ahead(prepared, parts):
            for place, picture, found in zip(
                ready.places, ready.pictures, self._found(ready), strict=True
            ):
                found = found.above(STORED)
                counts.update(pictures=1, boxes=len(found))
                quality.add(found)
                row = rows[place]
                if len(index.boxes[row]):
                    gold = torch.tensor(index.boxes[row])
                    targets = index.targets[row].tolist()
                    quality.judge(prompts[place], found, gold, targets, index.phrases(row))
                if len(found):
                    # Of the picture, not of its entry: the boxes are in its pixels.
                    size = picture.height, picture.width
                    yield index.images[row], grounding_line(prompts[place], found, size)

    def _prepared(
        self, places: list[int], pictures: list[Image.Image], prompts: list[Prompt]
    ) -> "_Prepared":
        ready = _Prepared(places, pictures, prompts)
        if places:
            ready.batch = self.teacher.batch(pictures, prompts)
        if self.mirror:
            ready.twice = [row for row, one in enumerate(prompts) if can_be_mirrored(one)]
        if ready.twice:
            mirrored = [ImageOps.mirror(pictures[row]) for row in ready.twice]
            ready.mirrored = self.teacher.batch(mirrored, [prompts[row] for row in ready.twice])
        return ready

    def _found(self, ready: "_Prepared") -> list[Detections]:
        """The boxes of every picture, after all opinions that are asked for."""
        if ready.batch is None:
            return []
        found = self.teacher.ground(ready.batch)
        if ready.mirrored is not None:
            again = self.teacher.ground(ready.mirrored)
            for row, other in zip(ready.twice, again, strict=True):
                found[row] = agreeing(found[row], other, ready.pictures[row].width)
        if self.scorer is not None:
            for row, (picture, prompt) in enumerate(
                zip(ready.pictures, ready.prompts, strict=True)
            ):
                sure = found[row].above(STORED)
                texts = [prompt.phrase_text(phrase) for phrase in range(len(prompt.phrases))]
                found[row] = rescored(sure, self.scorer(picture, texts, sure))
        return found

    def _ahead(
        self,
        prepared: Callable[[Sequence[int]], "_Prepared"],
        parts: Sequence[Sequence[int]],
    ) -> Iterator["_Prepared"]:
        """Every part prepared; on a GPU the next one while the model looks at this one.

        On a CPU a second thread would take from the model what it needs itself.
        """
        if self.teacher.device.type == "cpu":
            yield from map(prepared, parts)
            return
        with ThreadPoolExecutor(1) as ahead:
            waiting = [ahead.submit(prepared, part) for part in parts[:1]]
            for number in range(len(parts)):
                ready = waiting.pop().result()
                if number + 1 < len(parts):
                    waiting.append(ahead.submit(prepared, parts[number + 1]))
                yield ready


@dataclass(eq=False)
class _Prepared:
    """Pictures on their way to the teacher."""

    places: list[int]  # in the shard
    pictures: list[Image.Image]
    prompts: list[Prompt]
    batch: Batch | None = None
    twice: list[int] = field(default_factory=list)  # which of them are looked at mirrored too
    mirrored: Batch | None = None


def grounding_line(prompt: Prompt, found: Detections, size: Sequence[int]) -> dict[str, Any]:
    """ODVG's form, without a file name."""
    content = grounding(
        prompt.caption,
        prompt.phrases,
        plain(found.boxes).double().numpy(),
        found.phrase_ids.tolist(),
        found.scores.double().numpy(),
    )
    height, width = size
    return {"height": height, "width": width, "grounding": content}


def _write_lines(path: Path, images: Images, lines: Iterator[tuple[str, dict[str, Any]]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for name, line in lines:
            file.write(json.dumps({"filename": name, **line}) + "\n")


def _write_tar(path: Path, images: Images, lines: Iterator[tuple[str, dict[str, Any]]]) -> None:
    """As WebDataset reads it: picture, text and JSON of each key."""
    with tarfile.open(path, "w") as tar:
        for number, (name, line) in enumerate(lines):
            key = f"{number:06d}"
            content = images.read(name)
            kind = suffix_of(content)
            about = {"key": key, "filename": f"{key}{kind}", **line}
            for suffix, part in (
                (kind, content),
                (".json", json.dumps(about).encode()),
                (".txt", line["grounding"]["caption"].encode()),
            ):
                member = tarfile.TarInfo(f"{key}{suffix}")
                member.size = len(part)
                tar.addfile(member, io.BytesIO(part))


def shard_rows(index: Index, images: Images, size: int) -> list[range]:
    """The records of every shard: those of the source's own files, or `size` at a time."""
    if isinstance(images, ImageFolder):
        return [range(first, min(first + size, len(index))) for first in range(0, len(index), size)]
    blocks = index.blocks.tolist()
    return [range(first, end) for first, end in pairwise(blocks)]
