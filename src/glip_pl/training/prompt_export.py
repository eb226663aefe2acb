"""Writes the prompt that prompt tuning has learned into a file of its own."""

from pathlib import Path

import torch

from glip_pl.inference.large_vocabulary import read_questions
from glip_pl.inference.learned_prompt import learned_prompt
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk
from glip_pl.prompts.tokens import Tokenizer


def export_prompt(model: GLIP, tokenizer: Tokenizer, chunk: Chunk, path: Path) -> None:
    """Encode a prompt with what the model has learned to add to it, and write it to `path`."""
    model.eval()  # without dropout
    device = next(model.parameters()).device
    with torch.no_grad():
        (question,) = read_questions(model, tokenizer, [chunk], device)
    learned_prompt(chunk.prompt, question, model).write(path)
    numbers = sum(weights.numel() for weights in model.prompts.parameters())
    share = numbers / sum(weights.numel() for weights in model.parameters())
    print(f"learned prompt: {path} ({numbers:,} numbers, {share:.3%} of the model)")
