"""What to detect, read once by a model: any number of names, a text or a learned prompt."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from glip_pl.errors import UserError
from glip_pl.inference.large_vocabulary import Question, read_questions
from glip_pl.inference.learned_prompt import LearnedPrompt, fingerprint, read_prompt
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.prompt_from_text import detection_prompt
from glip_pl.prompts.prompt_kit import PromptKit, is_kit, read_kit
from glip_pl.prompts.query import names_query, text_query
from glip_pl.prompts.tokens import Tokenizer, name_lengths
from glip_pl.types import Detections, Prompt


@dataclass(frozen=True, eq=False)
class EncodedQuery:
    """Names as a model has encoded them; valid until its weights change."""

    prompt: Prompt  # of all names; the phrase ids of detections index its phrases
    questions: Sequence[Question]
    classes: tuple[str, ...]  # the caller's names, which may repeat, or the phrases of a text
    positions: Tensor  # (P,) int64, the first of the `classes` that each phrase stands for
    chunks: Sequence[Chunk] = ()  # the prompts by their names; none for a learned prompt
    thresholds: Sequence[float | None] = ()  # (P,) of a prompt kit; None: the common one

    def above(self, found: Detections, threshold: float) -> Detections:
        """The detections that score higher than the threshold of their phrase, or the common one.

        Phrase ids index the phrases of the query's prompt.
        """
        if not self.thresholds:
            return found.above(threshold)
        of_phrase = [threshold if one is None else one for one in self.thresholds]
        return found.rows(found.scores > found.scores.new_tensor(of_phrase)[found.phrase_ids])


What = str | Sequence[str] | Prompt | LearnedPrompt | PromptKit | Path | EncodedQuery
"""A text, a list of names, a prompt, a learned prompt, a prompt kit or the file of one of these
two, or any of these encoded.
"""


@torch.inference_mode()
def encoded_query(what: What, model: GLIP, tokenizer: Tokenizer) -> EncodedQuery:
    """Read what to detect: once for all pictures.

    A text's phrases are separated by full stops; a list may have any number of names. Raises
    UserError if there is nothing to detect, a name is empty or too long, or a learned prompt does
    not fit the model.
    """
    if isinstance(what, EncodedQuery):
        return what
    if isinstance(what, Path):
        what = read_prompt_file(what)
    if isinstance(what, LearnedPrompt):
        return _of_prompt(what.prompt, [what.question(model)])
    if isinstance(what, PromptKit):
        return _of_kit(what, model, tokenizer)
    if isinstance(what, str | Prompt):
        prompt = text_query(what, tokenizer) if isinstance(what, str) else what
        return _read(prompt, [Chunk(0, prompt)], model, tokenizer)
    if not isinstance(what, Sequence) or not all(isinstance(name, str) for name in what):
        raise UserError(f"what to detect is a text or a list of texts, not {what!r:.80}")
    wordings, positions = names_query(what, tokenizer)
    lengths = name_lengths(tokenizer, [wording.text for wording in wordings])
    prompt = detection_prompt(wordings)
    parts = list(chunks(wordings, lengths))
    questions = read_questions(model, tokenizer, parts, _device(model))
    return EncodedQuery(prompt, questions, tuple(what), torch.tensor(positions), parts)


def read_prompt_file(path: Path) -> LearnedPrompt | PromptKit:
    """The learned prompt or the prompt kit of a file. Raises UserError if it is neither."""
    path = path.expanduser()
    return read_kit(path) if is_kit(path) else read_prompt(path)


def _of_kit(kit: PromptKit, model: GLIP, tokenizer: Tokenizer) -> EncodedQuery:
    """A query whose classes are the names of a kit."""
    kit.warn_unless(fingerprint(model))
    lengths = name_lengths(tokenizer, [wording.text for wording in kit.wordings])
    parts = list(chunks(kit.wordings, lengths))
    questions = read_questions(model, tokenizer, parts, _device(model))
    positions = torch.arange(len(kit.names))
    prompt = detection_prompt(kit.wordings)
    return EncodedQuery(prompt, questions, kit.names, positions, parts, kit.thresholds)


def encoded_queries(
    what: What | None,
    each: Sequence[What] | None,
    count: int,
    encode: Callable[[What], EncodedQuery],
) -> list[EncodedQuery]:
    """What to detect in each of `count` pictures: `what` in all, or its own member of `each`.

    What is equal is encoded once. Raises UserError unless exactly one of both is given, `each` has
    a member for every picture, and all can be read.
    """
    if (what is None) == (each is None):
        raise UserError(
            "say what to detect: a text or a list of names for all pictures, or each=[...] "
            "with one of these for every picture"
        )
    if what is not None:
        return [encode(what)] * count
    if not isinstance(each, list | tuple):
        raise UserError(
            f"each= takes a list with a text or a list of names for every picture, not {each!r:.80}"
        )
    if len(each) != count:
        raise UserError(f"each= has {len(each)} members for {count} pictures")
    known: dict[Hashable, EncodedQuery] = {}
    for one in each:
        if _key(one) not in known:
            known[_key(one)] = encode(one)
    return [known[_key(one)] for one in each]


def _key(what: What) -> Hashable:
    """Equal for what need be read only once."""
    if isinstance(what, str | Path):
        return what
    if isinstance(what, list | tuple) and all(isinstance(name, str) for name in what):
        return tuple(what)
    return id(what)


def _read(
    prompt: Prompt, parts: Sequence[Chunk], model: GLIP, tokenizer: Tokenizer
) -> EncodedQuery:
    questions = read_questions(model, tokenizer, parts, _device(model))
    return _of_prompt(prompt, questions, parts)


def _of_prompt(
    prompt: Prompt, questions: Sequence[Question], parts: Sequence[Chunk] = ()
) -> EncodedQuery:
    """A query whose classes are the phrases of the prompt."""
    phrases = tuple(prompt.phrase_text(index) for index in range(len(prompt.phrases)))
    return EncodedQuery(prompt, questions, phrases, torch.arange(len(phrases)), parts)


def _device(model: GLIP) -> torch.device:
    return next(model.parameters()).device
