"""Evidence by word for what was detected in a picture: word scores, heat maps, and "why not?"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from glip_pl.errors import UserError, some
from glip_pl.files.writing import write_whole
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.drawing import enlarged, titled
from glip_pl.inference.encoded_query import EncodedQuery
from glip_pl.inference.heat_maps import cell_side, heat_maps, map_title, overlay
from glip_pl.inference.image_input import ImageSource
from glip_pl.inference.large_vocabulary import Question, detect_categories
from glip_pl.inference.prompt_output import PromptOutput
from glip_pl.inference.result import Result
from glip_pl.inference.why_not import Reason, Search, expected_box, why_not
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.types import Batch, Detections, Output

LONGEST_NAME = 60
"""Most characters that a word adds to the name of a file."""


@dataclass(frozen=True, eq=False)
class Explainer:
    """A model and what turns its output into boxes."""

    model: GLIP
    tokenizer: Tokenizer
    decoder: Decoder
    threshold: float  # boxes score above it
    max_boxes: int

    def __call__(self, source: ImageSource, query: EncodedQuery, batch: Batch) -> "Explanation":
        """Detect in a picture, which is the only one of the batch, and keep the evidence."""
        found, outputs = _outputs(self, query, batch)
        above = found.above(self.threshold)
        height, width = batch.original_sizes[0].tolist()
        size = (int(height), int(width))
        result = Result.of(source, size, above, query, self.max_boxes)
        input_size = (int(batch.sizes[0, 0]), int(batch.sizes[0, 1]))
        shown = above.most_likely(self.max_boxes)
        search = Search(self.decoder, input_size, size, self.threshold, self.max_boxes, shown)
        return Explanation(result, outputs, query, search)


@torch.inference_mode()
def _outputs(
    explainer: Explainer, query: EncodedQuery, batch: Batch
) -> tuple[Detections, list[PromptOutput]]:
    """The detections in a batch of one image, and the output for each prompt, on the CPU."""
    prompts = {part.first: part.prompt for part in query.chunks or [Chunk(0, query.prompt)]}
    outputs: list[PromptOutput] = []

    def watch(question: Question, output: Output) -> None:
        prompt = prompts[question.first]
        masks, tokenizer = question.phrase_masks, explainer.tokenizer
        outputs.append(PromptOutput.of(prompt, question.first, masks, output, tokenizer))

    model, decoder = explainer.model, explainer.decoder
    (found,) = detect_categories(model, decoder, query.questions, batch, watch=watch)
    return decoder.of_rivals(found.to("cpu"), (query.prompt,)), outputs


@dataclass(frozen=True, eq=False)
class Explanation:
    """The boxes in one picture with the evidence for them."""

    result: Result  # the boxes, as without an explanation
    outputs: Sequence[PromptOutput]  # of every prompt; a long list of names has several
    query: EncodedQuery
    search: Search

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of all prompts in order, W; a word that occurs twice is listed twice."""
        return tuple(word for part in self.outputs for word in part.words)

    @cached_property
    def word_scores(self) -> Tensor:
        """The score (K, W), 0 to 1, of every word at the anchor of each box.

        It is the mean probability of the word's tokens, without centerness. The score of a box is
        the root of its centerness times the mean probability of the tokens of its phrase.
        """
        return torch.cat([part.word_scores(self.search.found.anchors) for part in self.outputs], 1)

    @cached_property
    def heat_maps(self) -> Tensor:
        """Where each word is found, (W, h, w) scores 0 to 1, of each place the best level's.

        A cell has 8 x 8 pixels of the model's input; the first one is at the left and top.
        """
        maps = [
            heat_maps(part.word_scores(), part.output, self.search.size) for part in self.outputs
        ]
        return torch.cat(maps)

    def draw(self, word: str | int) -> Image.Image:
        """The picture under the heat map of a word, or of the word with this index.

        Of a word that occurs several times the best of all. Raises UserError if there is no such
        word.
        """
        rows = [word] if isinstance(word, int) else self._rows(word)
        if not all(-len(self.words) <= row < len(self.words) for row in rows):
            raise UserError(f"word {word} is none of the {len(self.words)} words")
        cell = cell_side(self.outputs[0].output)
        covered = self.search.size[0] / cell, self.search.size[1] / cell
        best = self.heat_maps[rows].amax(0)
        title = map_title(self.words[rows[0]], best)
        return titled(overlay(enlarged(self.result.image), best, covered), title)

    def _rows(self, word: str) -> list[int]:
        rows = [row for row, other in enumerate(self.words) if other.casefold() == word.casefold()]
        if not rows:
            known = some([repr(other) for other in dict.fromkeys(self.words)], 20)
            raise UserError(f"{word!r} is no word of the prompt, which has {known}")
        return rows

    def why_not(self, box: Sequence[float], phrase: str) -> Reason:
        """Why a phrase was not detected in a box [x1, y1, x2, y2], or that it was.

        x2 - x1 is the width, in pixels of the picture. Raises UserError if the phrase was not asked
        for, the box does not lie in the picture, or the decoder is `exclusive`.
        """
        if self.search.decoder.exclusive:
            raise UserError("why_not explains detections with exclusive=false: leave exclusive out")
        expected = expected_box(box, self.result.size)
        number = self._phrase(phrase)
        part = max((one for one in self.outputs if one.first <= number), key=lambda one: one.first)
        return why_not(part, number - part.first, phrase, expected, self.search)

    def _phrase(self, phrase: str) -> int:
        """The index of a phrase or name among the phrases of all prompts."""
        prompt, positions = self.query.prompt, self.query.positions.tolist()
        texts = [prompt.phrase_text(number) for number in range(len(prompt.phrases))]
        classes = [self.query.classes[position] for position in positions]
        for known in (classes, texts):
            folded = [" ".join(text.casefold().split()) for text in known]
            if " ".join(phrase.casefold().split()) in folded:
                return folded.index(" ".join(phrase.casefold().split()))
        raise UserError(
            f"{phrase!r} is not what was searched for: {some([repr(text) for text in classes], 20)}"
        )

    def save(self, folder: str | Path, name: str | None = None) -> list[Path]:
        """Write `<name>_explain.npz` and, of every word, `<name>_<word>.png`; return the paths.

        `name` is by default that of the picture's file. The arrays are words, word_scores,
        heat_maps, and the boxes, scores and labels of the result.
        """
        path = self.result.path
        stem = Path(name or ("picture" if path is None else path.stem)).name
        written = [Path(folder) / f"{stem}_explain.npz"]
        with write_whole(written[0]) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file,
                words=np.array(self.words, dtype=str),
                word_scores=self.word_scores.numpy(),
                heat_maps=self.heat_maps.numpy(),
                boxes=self.result.boxes.numpy(),
                scores=self.result.scores.numpy(),
                labels=self.result.labels.numpy(),
            )
        for word in dict.fromkeys(word.casefold() for word in self.words):
            target = Path(folder) / f"{stem}_{_safe(word)}.png"
            if target in written:
                target = target.with_stem(f"{target.stem}_{len(written)}")
            with write_whole(target) as partial:
                self.draw(word).save(partial, format="PNG")
            written.append(target)
        return written


def _safe(text: str) -> str:
    """A text as a part of a file's name, without separators or other signs."""
    return re.sub(r"[^\w-]+", "_", text)[:LONGEST_NAME] or "_"
