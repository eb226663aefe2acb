"""Checks a set for everything that could be wrong with it, before a run fails on it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from glip_pl.data.formats.coco_tables import MARKS
from glip_pl.data.index import Index
from glip_pl.data.indexing import source_name
from glip_pl.data.problems import Problems
from glip_pl.data.truth import Truth, truth_of
from glip_pl.errors import UserError
from glip_pl.inspection.mistakes import Mistake, mistakes_of, unknown_to
from glip_pl.inspection.named_set import NamedSet
from glip_pl.inspection.picture_check import REPLACED, TURNED_KINDS, Pictures, check_pictures
from glip_pl.inspection.split_comparison import ComparedSet
from glip_pl.metrics.coco import coco_figures
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.prompts.chunking import NAME_TOKENS
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.rewording import choose_wordings
from glip_pl.prompts.tokens import Tokenizer, name_lengths, tokenize
from glip_pl.terminal.progress import with_progress
from glip_pl.types import Prompt

CAPTIONS = 256
"""Captions that are tokenised at a time."""

MAX_BOXES = 100
"""Boxes of a category in an image that COCO's AP counts."""

CROWDED = "more than 100 boxes of a category in an image"
"""Kind of problem: AP does not count all boxes."""

ACCEPTED = {"box cut at the border", *MARKS, CROWDED, REPLACED, *TURNED_KINDS}
"""Kinds of problems that are no mistakes in the data."""


@dataclass(frozen=True)
class Finding:
    """Result of the check of a set."""

    name: str
    images: int
    boxes: int
    problems: Problems
    ground_truth_ap: float | None  # None without boxes of categories
    tolerate: float
    mistakes: list[Mistake] = field(default_factory=list)
    compared: ComparedSet | None = None  # None if the set could not be read
    source: str = ""  # the annotations that were read

    @property
    def passed(self) -> bool:
        """Whether the share of bad items is tolerated, and no mistake makes figures meaningless."""
        if any(mistake.severity != "told" for mistake in self.mistakes):
            return False
        wrong = sum(count for kind, count in self.problems.counts.items() if kind not in ACCEPTED)
        return wrong <= self.tolerate * max(self.images, 1)


def check(named_set: NamedSet, tokenizer: Tokenizer, pictures: Pictures, ap_images: int) -> Finding:
    """Read a set anew and check annotations, pictures, captions and category names.

    The ground truth of the first `ap_images` images is also scored as its own detections.
    """
    problems = Problems(tolerate=1.0)
    images = boxes = 0
    ap: float | None = None
    mistakes: list[Mistake] = []
    compared: ComparedSet | None = None
    source = ""
    try:
        source = source_name(named_set.reader)
        with named_set.fresh_index(problems) as index:
            images, boxes = len(index), len(index.boxes.values)
            compared = ComparedSet(named_set.name, named_set.reader, index)
            mistakes += mistakes_of(source, index)
            check_pictures(named_set, index, pictures, problems)
            _check_captions(index, tokenizer, problems)
            if index.names:
                wordings = choose_wordings(index.names, named_set.wordings, named_set.name)
                mistakes += unknown_to(tokenizer, [word.name for word in wordings], source)
                _check_names(wordings, tokenizer, problems)
                ap = _check_ground_truth(named_set, index, ap_images, problems)
            if images == 0 or boxes == 0:
                problems.note(
                    "empty set", f"{named_set.name} has {images} images and {boxes} boxes"
                )
    except UserError as error:
        problems.note("unreadable source", str(error))
    return Finding(
        named_set.name, images, boxes, problems, ap, named_set.tolerate,
        mistakes, compared, source,
    )  # fmt: skip


def _check_captions(index: Index, tokenizer: Tokenizer, problems: Problems) -> None:
    """Note phrases beyond the token limit, and phrases without a token."""
    rows = np.flatnonzero(index.captioned & (np.diff(index.phrase_offsets) > 0))
    if not len(rows):
        return
    firsts = range(0, len(rows), CAPTIONS)
    for first in with_progress(firsts, len(firsts), f"batch of {CAPTIONS} captions"):
        chosen = rows[first : first + CAPTIONS].tolist()
        prompts = [Prompt(index.captions[row], index.phrases(row)) for row in chosen]
        _, _, phrase_masks = tokenize(tokenizer, prompts)
        for prompt, phrase_mask in zip(prompts, phrase_masks, strict=True):
            for phrase in np.flatnonzero(~phrase_mask.any(1).numpy()).tolist():
                text = prompt.phrase_text(phrase)
                problems.note(
                    "phrase that the model does not read", f"{text!r} in {prompt.caption[:80]!r}"
                )


def _check_names(wordings: Sequence[Wording], tokenizer: Tokenizer, problems: Problems) -> None:
    """Note category names that do not fit into a prompt."""
    names = [wording.text for wording in wordings]
    for name, length in zip(names, name_lengths(tokenizer, names), strict=True):
        if length > NAME_TOKENS:
            problems.note("name longer than a prompt", f"{name[:80]!r} has {length} tokens")


def _check_ground_truth(
    named_set: NamedSet, index: Index, ap_images: int, problems: Problems
) -> float | None:
    """AP of the ground truth as its own detections, noted if below 1; None without boxes."""
    truth = truth_of(named_set.reader, index)
    if not isinstance(truth, Truth):
        return None
    ap = ground_truth_ap(truth, ap_images)
    if math.isnan(ap):  # there are no boxes
        return None
    if ap < 1 - 1e-6:
        message = f"{named_set.name}: its own boxes as predictions have AP {ap:.4f}"
        if _most_boxes(truth) > MAX_BOXES:
            problems.note(CROWDED, f"{message}; COCO counts {MAX_BOXES} at most")
        else:
            problems.note("ground truth that does not score 1", message)
    return ap


def _most_boxes(truth: Truth) -> int:
    """The largest number of boxes of a category in an image."""
    _, counts = np.unique(truth.images * len(truth.names) + truth.labels, return_counts=True)
    return int(counts.max(initial=0))


def ground_truth_ap(truth: Truth, images: int) -> float:
    """COCO's AP of the first images' boxes as their own detections; 1 unless data are unsound."""
    truth = truth.of_images(np.arange(len(truth.image_ids)) < images)
    scores = np.ones(len(truth.labels))
    detections = DetectionsTable(truth.images, truth.labels, scores, truth.boxes)
    return coco_figures(truth, detections[~truth.crowds])["AP"]
