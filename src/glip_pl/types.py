"""The types through which data flow: Sample -> Batch -> Output -> LossTerms | Detections.

Legend of shapes: B images, T text tokens, A anchors over all levels, N boxes of one image,
P phrases of one prompt, K detections, C channels. Boxes are corners (x1, y1, x2, y2) in pixels.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple, Self

from torch import Tensor

from glip_pl.spans import Phrase as Phrase
from glip_pl.spans import Span as Span

MAX_TOKENS = 256
"""Length at which a tokenised caption is cut, special tokens included."""

SHOWN_SCORE = 0.3
"""Default score from which a box is shown to people: in pictures, reports and `predict`."""

Padding = Literal["shared", "own"]
"""Whether the pictures of a batch are padded to the size of all, as in the released models, or
each is computed as if it were alone, so that the others change nothing (models/canvases.py)."""


@dataclass(frozen=True)
class Prompt:
    """The text that the model reads, and the phrases in it that boxes may belong to (paper 3.1)."""

    caption: str
    phrases: tuple[Phrase, ...]

    def phrase_text(self, index: int) -> str:
        """The words of a phrase, its spans joined by a space."""
        return " ".join(self.caption[start:end] for start, end in self.phrases[index])


@dataclass(frozen=True, eq=False)
class Sample:
    """An item of a dataset: an image, a prompt, and boxes that belong to phrases of the prompt."""

    image: Tensor  # (3, H, W) uint8, RGB
    boxes: Tensor  # (N, 4) float32, pixels of `image`
    phrase_ids: Tensor  # (N,) int64, index into prompt.phrases
    prompt: Prompt
    image_id: int
    original_size: tuple[int, int]  # (height, width) on disk
    weights: Tensor | None = None  # (N,) weight of each box in the loss; None: all count alike
    unsure: Tensor | None = None  # (U,) int64, phrases that may have objects without a box
    unreadable: str | None = None  # in evaluation, why the picture is black: it cannot be read
    example_seed: int | None = None  # in training, draws the phrases that examples stand in for


class _Movable:
    """Adds `.to` and `.pin_memory` to a dataclass of tensors and lists of tensors."""

    def _map(self, function: Any) -> Self:
        changes: dict[str, Any] = {}
        names = [entry.name for entry in fields(self)]  # type: ignore[arg-type]  # a dataclass
        for name in names:
            value = getattr(self, name)
            if isinstance(value, Tensor):
                changes[name] = function(value)
            elif isinstance(value, list) and value and isinstance(value[0], Tensor):
                changes[name] = [function(tensor) for tensor in value]
            elif isinstance(value, _Movable):
                changes[name] = value._map(function)
        return replace(self, **changes)  # type: ignore[type-var]  # a dataclass

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same object with every tensor moved; arguments as for `Tensor.to`.

        A GPU fetches those in page-locked memory itself, while the CPU goes on.
        """
        return self._map(
            lambda tensor: tensor.to(*args, **{"non_blocking": tensor.is_pinned(), **kwargs})
        )

    def pin_memory(self) -> Self:
        """The same object in page-locked memory, for faster copies to a GPU."""
        return self._map(Tensor.pin_memory)


@dataclass(frozen=True, eq=False)
class Targets(_Movable):
    """What the loss compares predictions with: P anchors of a batch have a box, all others none.

    Index arrays rather than masks, because a GPU can use them without telling their length to the
    CPU, and because they are small to send from the loader's workers.
    """

    rows: Tensor  # (P,) int64 ascending: image * A + anchor
    boxes: Tensor  # (P, 4) the box of each anchor
    phrases: Tensor  # (P,) int64, the box's phrase: a row of all phrase masks of the batch
    centerness: Tensor  # (P,) how near the anchor is to its box's centre, in [0, 1]
    weights: Tensor  # (P,) weight of the box in the loss
    sums: Tensor  # (2,) P and the sum of centerness, by which the loss is normalised


@dataclass(frozen=True, eq=False)
class Examples(_Movable):
    """Boxes that stand in for the words of some phrases of a batch: visual prompts.

    Such a phrase has one or more example boxes, in any pictures of the batch, which become one row
    of features; the row replaces the features of all tokens of the phrase.
    """

    images: Tensor  # (E,) int64, the picture of each example
    boxes: Tensor  # (E, 4) float32, pixels of `Batch.images`
    rows: Tensor  # (E,) int64 in [0, count), the phrase that each is an example of
    count: int  # phrases that have examples, R
    places: Tensor  # (N,) int64, tokens that are replaced: text * T + token
    fillers: Tensor  # (N,) int64 in [0, count), the row that each gets


@dataclass(frozen=True, eq=False)
class Batch(_Movable):
    """Samples, padded and collated.

    It has fifteen fields because it carries all that training and evaluation need of the samples:
    the model's input, the targets of the loss, and what maps detections back to the image on disk.
    """

    images: Tensor  # (B, 3, H, W) uint8, channels last in memory, zero beyond each true size
    sizes: Tensor  # (B, 2) int64, true (height, width) within the padded `images`
    original_sizes: Tensor  # (B, 2) int64, (height, width) on disk
    tokens: Tensor  # (B, T) int64
    attention_mask: Tensor  # (B, T) bool, True at real tokens
    phrase_masks: list[Tensor]  # B x (P, T) bool, the tokens of each phrase
    boxes: list[Tensor]  # B x (N, 4) float32, pixels of `images`
    phrase_ids: list[Tensor]  # B x (N,) int64
    prompts: list[Prompt]
    image_ids: list[int]
    weights: list[Tensor] = field(default_factory=list)  # B x (N,); empty: all boxes count alike
    unreadable: dict[int, str] = field(default_factory=dict)  # by image id: see Sample
    # (B, T) bool, tokens of phrases that may have objects without a box; None: there are none.
    unsure: Tensor | None = None
    targets: Targets | None = None  # in training, what the loss compares predictions with
    examples: Examples | None = None  # in training with visual prompts

    def __len__(self) -> int:
        return len(self.prompts)


@dataclass(frozen=True, eq=False)
class TextFeatures(_Movable):
    """Features of a prompt's tokens, and what a learned prompt adds before later fusions."""

    hidden: Tensor  # (B, T, C)
    mask: Tensor  # (B, T) bool, True at real tokens
    deeper: list[Tensor] = field(default_factory=list)  # (B, T, C) each, for the next fusions

    def replaced(self, places: Tensor, rows: Tensor) -> "TextFeatures":
        """The same with `rows` (N, C) at the tokens `places` (N,), text * T + token."""
        hidden = self.hidden.flatten(0, 1).index_copy(0, places, rows.to(self.hidden.dtype))
        return TextFeatures(hidden.view_as(self.hidden), self.mask, self.deeper)

    def rows(self, chosen: Tensor) -> "TextFeatures":
        """The features of some prompts, by their numbers."""
        return self._map(lambda tensor: tensor[chosen])

    def updated(self, hidden: Tensor) -> "TextFeatures":
        """The input of the next fusion, given the output `hidden` (B, T, C) of the last one.

        The first entry of `deeper`, if there is any, is added to it and removed from the list.
        """
        if not self.deeper:
            return TextFeatures(hidden, self.mask)
        addition, *deeper = self.deeper
        return TextFeatures(hidden + addition, self.mask, deeper)


@dataclass(frozen=True, eq=False)
class Output(_Movable):
    """Predictions of the model for every anchor; levels are concatenated, fine to coarse."""

    alignment: Tensor  # (B, A, T) logits of every anchor against every token
    deltas: Tensor  # (B, A, 4) box codes (see boxes.encode)
    centerness: Tensor  # (B, A) logits
    anchors: Tensor  # (A, 4)
    level_sizes: tuple[int, ...]  # anchors per level, summing to A

    def rows(self, first: int, count: int) -> "Output":
        """The predictions for `count` images from `first` on."""
        chosen = slice(first, first + count)
        return replace(
            self,
            alignment=self.alignment[chosen],
            deltas=self.deltas[chosen],
            centerness=self.centerness[chosen],
        )


class LossTerms(NamedTuple):
    """The three terms of the grounding loss; the total is their plain sum."""

    alignment: Tensor
    box: Tensor
    centerness: Tensor

    @property
    def total(self) -> Tensor:
        """The loss that training minimises, a scalar."""
        return self.alignment + self.box + self.centerness


@dataclass(frozen=True, eq=False)
class Detections(_Movable):
    """Detected boxes of one image, highest score first, in pixels of the image on disk."""

    boxes: Tensor  # (K, 4)
    scores: Tensor  # (K,)
    phrase_ids: Tensor  # (K,) int64, index of a phrase of the prompt, or of a category
    anchors: Tensor | None = None  # (K,) int64, index of the anchor that gave each, if it is known

    def above(self, threshold: float) -> "Detections":
        """Only the detections that score higher than `threshold`."""
        return self.rows(self.scores > threshold)

    def best(self, count: int) -> "Detections":
        """Only the first `count` detections."""
        return self.rows(slice(count))

    def most_likely(self, count: int) -> "Detections":
        """The first `count` detections, and those that score as much as the last of them."""
        if len(self) <= count:
            return self
        return self.best(int((self.scores >= self.scores[count - 1]).sum()))

    def rows(self, chosen: Tensor | slice) -> "Detections":
        """The detections that an index, a mask or a slice chooses, in its order."""
        return self._map(lambda tensor: tensor[chosen])

    def __len__(self) -> int:
        return len(self.scores)
