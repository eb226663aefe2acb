"""A learned prompt is written with the encoded words and what was learned to add to them."""

from pathlib import Path

import pytest
import torch

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.rebuilding import rebuild
from glip_pl.inference.learned_prompt import read_prompt
from glip_pl.prompts.building import names_prompt
from glip_pl.prompts.chunking import Chunk
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.training.prompt_export import export_prompt


def test_what_was_learned_is_in_the_file(
    checkpoint: Path, tokenizer: Tokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = read_checkpoint(checkpoint)
    model = rebuild({**content.config["model"], "prompts": 2}, content, checkpoint)
    prompt = names_prompt(["circle", "square"])
    tables = list(model.prompts.parameters())
    with torch.no_grad():
        export_prompt(model, tokenizer, Chunk(0, prompt), tmp_path / "before.safetensors")
        tables[0].fill_(0.5)
        tables[1].fill_(0.25)
    export_prompt(model, tokenizer, Chunk(0, prompt), tmp_path / "after.safetensors")
    before, after = (read_prompt(tmp_path / f"{name}.safetensors") for name in ("before", "after"))
    assert after.prompt == prompt
    assert torch.allclose(after.hidden, before.hidden + 0.5)
    assert bool((before.deeper == 0).all()) and bool((after.deeper == 0.25).all())
    assert f"{2 * tables[0].numel():,} numbers" in capsys.readouterr().out
