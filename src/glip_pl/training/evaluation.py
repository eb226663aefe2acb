"""How one set is evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from glip_pl.inference.learned_prompt import LearnedPrompt
from glip_pl.metrics.base import CollectingMetric
from glip_pl.prompts.chunking import Chunk
from glip_pl.prompts.tokens import Tokenizer

RETENTION = "retention_"
"""Begins the names of sets that tell what is left of zero-shot ability; no mean contains them."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the images of a set are asked, and what counts the answers."""

    metric: CollectingMetric[Any]
    vocabulary: Sequence[Chunk]  # prompts for all images; without any, each has its own caption
    tokenizer: Tokenizer
    memory_gb: float | None = None  # that prompts asked at the same time may take
    learned: LearnedPrompt | None = None  # instead of the vocabulary
    apart: bool = False  # whether no mean of sets contains its figure
