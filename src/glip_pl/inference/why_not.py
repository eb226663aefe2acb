"""Why a box that a person expects was not detected: what became of the best anchor for it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torchvision.ops import box_iou

from glip_pl.boxes import clip, iou_plus_one, plain, scale_to
from glip_pl.errors import UserError
from glip_pl.inference.decoding import Decoder, anchor_boxes
from glip_pl.inference.prompt_output import PromptOutput
from glip_pl.types import Detections

NEAR = 0.5
"""IoU with the expected box from which an anchor's box is taken for it."""

Corners = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of the picture; right - left is the width."""

Rule = Literal["found", "place", "phrase", "candidates", "threshold", "overlap", "limit"]
"""What decided: nothing (the box is found), or the step that removed it (see `Reason.rule`)."""


@dataclass(frozen=True)
class Reason:
    """What became of the best anchor for an expected box; `text` says it in one line.

    `rule` is "found"; "place": no anchor predicts a box there; "phrase": the phrase scores too low
    to be a candidate; "candidates": too many others of its level score higher; "threshold": the
    score is too low to be shown; "overlap": suppressed by a better box, `rival`; "limit": too many
    boxes of the picture score higher.
    """

    rule: Rule
    text: str
    anchor: int
    box: Corners  # what the anchor predicts
    iou: float  # of this box and the expected one
    score: float  # root of phrase_score times centerness
    phrase_score: float  # mean probability of the phrase's tokens
    centerness: float
    word_scores: tuple[tuple[str, float], ...]  # of the phrase's words
    rival: Corners | None = None
    rival_score: float | None = None
    rival_iou: float | None = None  # of the rival and `box`

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Search:
    """A detection whose steps can be asked: its settings, sizes (height, width) and result."""

    decoder: Decoder
    size: tuple[int, int]  # of the model's input, without padding
    original_size: tuple[int, int]
    threshold: float  # scores up to it are not shown
    max_boxes: int
    found: Detections  # what is shown; phrase ids count over all prompts


@dataclass(frozen=True, eq=False)
class _Anchor:
    """The best anchor for an expected box."""

    index: int
    box: Tensor  # (4,) within the picture, in pixels of the model's input
    iou: float
    score: float
    phrase_score: float
    centerness: float


@dataclass(frozen=True, eq=False)
class _Rival:
    """The better box that suppressed another."""

    box: Tensor  # (4,) in pixels of the model's input
    score: float
    iou: float


def expected_box(box: Sequence[float], size: tuple[int, int]) -> Tensor:
    """A person's box (4,) with both end pixels. Raises UserError if it is none in the picture."""
    height, width = size
    numbers = [float(side) for side in box]
    if len(numbers) != 4 or not (
        all(map(math.isfinite, numbers))
        and max(0.0, numbers[0]) < min(width, numbers[2])
        and max(0.0, numbers[1]) < min(height, numbers[3])
    ):
        raise UserError(
            f"why_not={list(box)} is no box in a picture of {width} x {height} pixels: give "
            "[x1,y1,x2,y2] with x1 < x2 and y1 < y2"
        )
    x1, y1, x2, y2 = numbers
    return clip(torch.tensor([x1, y1, x2 - 1, y2 - 1]), height, width)


def why_not(part: PromptOutput, phrase: int, name: str, expected: Tensor, search: Search) -> Reason:
    """Why a box is not among the detections of a phrase of one prompt.

    `phrase` counts in the prompt and `name` is its text; `expected` (4,) is in pixels of the
    picture, with both end pixels.
    """
    (wanted,) = scale_to(expected[None], search.original_size, search.size)
    anchor = _best_anchor(part, phrase, wanted, search)
    rule, rival = _decided(part, phrase, anchor, search)

    def corners(box: Tensor) -> Corners:
        (scaled,) = plain(scale_to(box[None], search.size, search.original_size)).tolist()
        return scaled[0], scaled[1], scaled[2], scaled[3]

    scores = part.word_scores(torch.tensor([anchor.index]))[0].tolist()
    words = tuple(
        (part.words[word], scores[word]) for word in part.words_of(torch.tensor([phrase]))
    )
    reason = Reason(
        rule, "", anchor.index, corners(anchor.box), anchor.iou, anchor.score,
        anchor.phrase_score, anchor.centerness, words,
        None if rival is None else corners(rival.box),
        None if rival is None else rival.score,
        None if rival is None else rival.iou,
    )  # fmt: skip
    text = f"{name!r} at {_listed(plain(expected).tolist())}: {_verdict(reason, search)}. "
    return Reason(**{**vars(reason), "text": text + _evidence(reason)})


def _best_anchor(part: PromptOutput, phrase: int, wanted: Tensor, search: Search) -> _Anchor:
    """Of the anchors whose box is near the wanted one the best for the phrase, else the nearest."""
    every = torch.arange(len(part.output.anchors))
    boxes = anchor_boxes(part.output, 0, every, torch.tensor(search.size))
    ious = iou_plus_one(wanted[None], boxes)[0]
    phrase_scores, centerness = part.phrase_scores(phrase), part.centerness()
    scores = (phrase_scores * centerness).sqrt()
    near = ious >= NEAR
    best = int(torch.where(near, scores, -1.0).argmax() if near.any() else ious.argmax())
    return _Anchor(
        best, boxes[best], float(ious[best]), float(scores[best]), float(phrase_scores[best]),
        float(centerness[best]),
    )  # fmt: skip


def _decided(
    part: PromptOutput, phrase: int, anchor: _Anchor, search: Search
) -> tuple[Rule, _Rival | None]:
    """The step that removed the pair of an anchor and a phrase, and the box that suppressed it."""
    if anchor.iou < NEAR:
        return "place", None
    decoder = search.decoder
    found = decoder.candidates(part.output, 0, part.phrase_masks, torch.tensor(search.size))
    own = ((found.anchors == anchor.index) & (found.phrases == phrase)).nonzero()[:, 0]
    if not len(own):
        low = anchor.phrase_score <= decoder.score_threshold
        return ("phrase" if low else "candidates"), None
    if anchor.score <= search.threshold:
        return "threshold", None
    keep = decoder.unsuppressed(found)
    if not (keep == own).any():
        same = keep[found.phrases[keep] == phrase]  # best first
        ious = box_iou(plain(found.boxes[own]).double(), plain(found.boxes[same]).double())[0]
        first = int((ious > decoder.nms_iou).int().argmax())
        rival = int(same[first])
        return "overlap", _Rival(found.boxes[rival], float(found.scores[rival]), float(ious[first]))
    assert search.found.anchors is not None
    shown = (search.found.anchors == anchor.index) & (
        search.found.phrase_ids == part.first + phrase
    )
    return ("found" if shown.any() else "limit"), None


def _verdict(reason: Reason, search: Search) -> str:
    """What decided, with the setting."""
    decoder = search.decoder
    if reason.rule == "found":
        return f"found, with score {reason.score:.2f}"
    if reason.rule == "place":
        return f"not found, because no anchor predicts a box with an IoU of {NEAR} or more there"
    if reason.rule == "phrase":
        return (
            f"not found, because the phrase scores {reason.phrase_score:.3f}, not above "
            f"{decoder.score_threshold} (score_threshold of the decoder)"
        )
    if reason.rule == "candidates":
        return (
            f"not found, because {decoder.candidates_per_level} others of its level score higher "
            "(candidates_per_level of the decoder)"
        )
    if reason.rule == "threshold":
        return (
            f"not shown, because its score {reason.score:.3f} is not above {search.threshold} "
            "(threshold)"
        )
    if reason.rule == "overlap":
        assert reason.rival is not None
        return (
            f"suppressed by the better box {_listed(reason.rival)} of the same phrase, score "
            f"{reason.rival_score:.2f}, which overlaps it with an IoU of {reason.rival_iou:.2f}, "
            f"above {decoder.nms_iou} (nms_iou of the decoder)"
        )
    return f"not shown, because {search.max_boxes} boxes score higher (max_boxes)"


def _evidence(reason: Reason) -> str:
    """The scores of the anchor and the box that it predicts."""
    words = ", ".join(f"{word} {score:.2f}" for word, score in reason.word_scores)
    return (
        f"The best anchor for it predicts {_listed(reason.box)} (IoU {reason.iou:.2f}); words: "
        f"{words}; phrase {reason.phrase_score:.2f}, centerness {reason.centerness:.2f}, score "
        f"{reason.score:.2f}"
    )


def _listed(box: Sequence[float]) -> str:
    """Corners in whole pixels."""
    return f"[{', '.join(f'{side:.0f}' for side in box)}]"
