"""Everything that may be wrong with a source, found before a run finds it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from glip_pl.data.images import ImageFolder
from glip_pl.data.index import Index
from glip_pl.data.problems import Problems
from glip_pl.data.truth import Truth, truth_of
from glip_pl.errors import UserError
from glip_pl.inspection.named_set import NamedSet
from glip_pl.metrics.coco import coco_figures
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.prompts.building import Wording, worded
from glip_pl.prompts.chunking import LONGEST_NAME
from glip_pl.prompts.tokens import Tokenizer, name_lengths, tokenize
from glip_pl.types import Prompt

Pictures = Literal["exist", "decode", "skip"]

Progress = Callable[[Sequence[int], str], Iterable[int]]
"""Shows how far a loop over records has come."""

CAPTIONS = 256
"""Captions tokenised at a time."""

CROWDED = "more than 100 boxes of a category in an image"
ACCEPTED = {"box cut at the border", "crowd left out", CROWDED}
"""Findings that are no mistakes: what out_of_image=clip allows, crowds, what AP cannot count."""


@dataclass(frozen=True)
class Finding:
    """What the check of one set says."""

    name: str
    images: int
    boxes: int
    problems: Problems
    ground_truth_ap: float | None  # None for captions, which have no categories
    tolerate: float

    @property
    def passed(self) -> bool:
        """Whether no more is wrong than the set tolerates."""
        wrong = sum(count for kind, count in self.problems.counts.items() if kind not in ACCEPTED)
        return wrong <= self.tolerate * max(self.images, 1)


def check(
    one: NamedSet, tokenizer: Tokenizer, pictures: Pictures, ap_images: int, progress: Progress
) -> Finding:
    """Read a set anew and look at all of it; `ap_images` limits the ground truth's own AP."""
    problems = Problems(tolerate=1.0)
    images = boxes = 0
    truth: float | None = None
    try:
        with one.fresh_index(problems) as index:
            images, boxes = len(index), len(index.boxes.values)
            _pictures(one, index, pictures, problems, progress)
            _captions(index, tokenizer, problems, progress)
            if index.names:
                _names(worded(index.names, one.wordings, one.name), tokenizer, problems)
                known = truth_of(one.reader, index)
                if isinstance(known, Truth):
                    truth = ground_truth_ap(known, ap_images)
                if truth is not None and truth < 1 - 1e-6:
                    dense = isinstance(known, Truth) and _most(known) > MOST
                    problems.note(
                        CROWDED if dense else "ground truth that does not score 1",
                        f"{one.name}: its own boxes as predictions have AP {truth:.4f}"
                        + (f"; COCO counts {MOST} at most" if dense else ""),
                    )
            if images == 0 or boxes == 0:
                problems.note("empty set", f"{one.name} has {images} images and {boxes} boxes")
    except UserError as error:
        problems.note("unreadable source", str(error))
    return Finding(one.name, images, boxes, problems, truth, one.tolerate)


def _pictures(
    one: NamedSet, index: Index, how: Pictures, problems: Problems, progress: Progress
) -> None:
    if how == "skip":
        return
    images = one.reader.open_images()
    if how == "exist" and not isinstance(images, ImageFolder):
        return  # inside archives; the reader has seen that they are there
    seen: set[str] = set()
    for row in progress(range(len(index)), f"{one.name}: pictures"):
        name = index.images[row]
        if name in seen:
            continue
        seen.add(name)
        try:
            if how == "exist":
                assert isinstance(images, ImageFolder)
                if not images.find(name).is_file():
                    raise UserError(f"no such image: {images.find(name)}")
                continue
            image = images.load(name)
        except UserError as error:
            problems.note("missing or broken picture", str(error))
            continue
        height, width = index.sizes[row].tolist()
        if (image.height, image.width) != (height, width):
            problems.note(
                "picture of another size",
                f"{name} has {image.width}x{image.height} pixels, its annotation {width}x{height}",
            )


def _captions(index: Index, tokenizer: Tokenizer, problems: Problems, progress: Progress) -> None:
    """Phrases that lie behind the token limit, or have no token."""
    rows = np.flatnonzero(index.captioned & (np.diff(index.phrase_offsets) > 0))
    if not len(rows):
        return
    for first in progress(range(0, len(rows), CAPTIONS), "captions"):
        chosen = rows[first : first + CAPTIONS].tolist()
        prompts = [Prompt(index.captions[row], index.phrases(row)) for row in chosen]
        _, _, masks = tokenize(tokenizer, prompts)
        for prompt, mask in zip(prompts, masks, strict=True):
            for phrase in np.flatnonzero(~mask.any(1).numpy()).tolist():
                text = prompt.phrase_text(phrase)
                problems.note(
                    "phrase that the model does not read", f"{text!r} in {prompt.caption[:80]!r}"
                )


def _names(wordings: Sequence[Wording], tokenizer: Tokenizer, problems: Problems) -> None:
    names = [one.text for one in wordings]
    for name, length in zip(names, name_lengths(tokenizer, names), strict=True):
        if length > LONGEST_NAME:
            problems.note("name longer than a prompt", f"{name[:80]!r} has {length} tokens")


MOST = 100
"""Boxes of a category in an image that COCO counts."""


def _most(truth: Truth) -> int:
    """The largest number of boxes of one category in an image."""
    _, counts = np.unique(truth.images * len(truth.names) + truth.labels, return_counts=True)
    return int(counts.max(initial=0))


def ground_truth_ap(truth: Truth, images: int) -> float:
    """AP (COCO) of the first images' boxes as their own predictions; below 1 something is wrong."""
    truth = truth.of_images(np.arange(len(truth.image_ids)) < images)
    found = DetectionsTable(truth.images, truth.labels, np.ones(len(truth.labels)), truth.boxes)
    return coco_figures(truth, found[~truth.crowds])["AP"]
