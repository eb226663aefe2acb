"""Learned prompts: tables that are added to the token features (prompt tuning, paper 5.2).

The first table is added to the output of the text encoder, as in the released prompt tuning; each
further one is added to the input of the next fusion.
"""

import torch
from torch import Tensor, nn

from glip_pl.errors import UserError
from glip_pl.types import TextFeatures

ROWS = 1000
"""Positions of the released table; a prompt has 256 tokens at most."""


class PromptTable(nn.Module):
    """A row for every position of a prompt, zero at first, so that it has no effect untrained."""

    def __init__(self, dim: int, rows: int = ROWS) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(rows, dim))

    def forward(self, text: TextFeatures) -> Tensor:
        """The addition (B, T, C) to token features. Raises UserError if T exceeds the rows."""
        length = text.hidden.shape[1]
        if length > len(self.weight):
            raise UserError(
                f"the learned prompt of this model has {len(self.weight)} tokens, fewer than the "
                f"{length} of this text: use the model that it was tuned from"
            )
        rows: Tensor = self.weight[:length]
        return rows.expand_as(text.hidden)


class PromptTables(nn.ModuleList):
    """The tables of a learned prompt: none, one, or one for each of the first few fusions."""

    def __init__(self, count: int, dim: int, rows: int = ROWS) -> None:
        super().__init__(PromptTable(dim, rows) for _ in range(count))

    def forward(self, text: TextFeatures) -> TextFeatures:
        """Encoded tokens plus the first table; the additions for later fusions are passed on."""
        if not len(self):
            return text
        first, *later = (table(text) for table in self)
        return TextFeatures(text.hidden + first, text.mask, later)
