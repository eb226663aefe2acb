"""Prompts that are learned: what is added to the words (paper 4.3; the released prompt tuning)."""

import torch
from torch import Tensor, nn

from glip_pl.errors import UserError
from glip_pl.types import TextFeatures

ROWS = 1000
"""Places of the released table; a prompt holds 256."""


class PromptTable(nn.Module):
    """A row for every place of a prompt, zero at first: the prompt starts as what it says."""

    def __init__(self, dim: int, rows: int = ROWS) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(rows, dim))

    def forward(self, text: TextFeatures) -> Tensor:
        """What to add to word features (B, T, C), of their shape. Raises UserError for a long T."""
        length = text.hidden.shape[1]
        if length > len(self.weight):
            raise UserError(
                f"this model has a learned prompt of {len(self.weight)} tokens, and is asked for "
                f"{length}: ask the model that it was tuned from"
            )
        rows: Tensor = self.weight[:length]
        return rows.expand_as(text.hidden)
