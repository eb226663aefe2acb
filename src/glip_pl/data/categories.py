"""The categories of a source, and how prompts call them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

from glip_pl.errors import UserError, some
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.rewording import Reworder, choose_wordings
from glip_pl.prompts.tokens import Tokenizer, name_lengths, unknown_names

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Categories:
    """Names, wordings and token counts of C categories, in the order of their ids."""

    names: Sequence[str]  # (C,) as in the annotation file
    wordings: Sequence[Wording]  # (C,) as in prompts
    lengths: Sequence[int]  # (C,) tokens of each "wording. "
    tokenizer: Tokenizer

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        wordings: Sequence[Wording] | Reworder | None,
        tokenizer: Tokenizer,
        source: str,
    ) -> Self:
        """Categories under other `wordings`, or under their own names if that is None.

        Warns of names that the tokenizer's vocabulary does not know. Raises UserError, naming the
        `source`, if the wordings do not fit the categories.
        """
        words = choose_wordings(names, wordings, source)
        lengths = name_lengths(tokenizer, [wording.text for wording in words])
        _warn_of_unknown(tokenizer, tuple(wording.name for wording in words))
        return cls(names, words, lengths, tokenizer)

    def check_budget(self, budget: int) -> None:
        """Raise UserError for categories whose words alone exceed a prompt of `budget` tokens."""
        long = [
            f"{name} ({length} tokens)"
            for name, length in zip(self.names, self.lengths, strict=True)
            if length > budget
        ]
        if long:
            raise UserError(
                f"a prompt holds {budget} tokens, too few for the words of {some(long)}: shorten "
                "them (data.prompts) or their explanations (data.descriptions)"
            )


@cache
def _warn_of_unknown(tokenizer: Tokenizer, names: tuple[str, ...]) -> None:
    """Warn, once per list of names, of names that the tokenizer's vocabulary does not know."""
    unknown = unknown_names(tokenizer, names)
    if unknown:
        log.warning(
            "the text encoder's vocabulary does not know all of %s: the model cannot "
            "tell such names apart well (a remedy: data.prompts={...: other words})",
            some(unknown),
        )
