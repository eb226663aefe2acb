"""A learned prompt says in a file what the tuned model says, and leaves the model as it was."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from glip_pl.data.collate import Collate
from glip_pl.errors import UserError
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.large_vocabulary import detect_categories, read_questions
from glip_pl.inference.learned_prompt import LearnedPrompt, learned_prompt, read_prompt
from glip_pl.models.glip import GLIP
from glip_pl.prompts.building import Wording
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.tokens import Tokenizer, name_lengths
from glip_pl.types import Batch, Sample
from tests.conftest import Compose

NAMES = ["red star", "blue moon", "ring"]
CPU = torch.device("cpu")


def model_of(settings: Compose, prompts: int, *words: str) -> GLIP:
    torch.manual_seed(0)
    model: GLIP = instantiate(settings([f"model.prompts={prompts}", *words]).model)
    torch.nn.init.constant_(model.head.prior_bias, 0.0)  # so that there is something to find
    torch.manual_seed(1)
    for table in model.prompts.parameters():
        torch.nn.init.normal_(table)
    return model.eval()


def plain_one(model: GLIP, settings: Compose) -> GLIP:
    plain = model_of(settings, 0)
    rest = {key: value for key, value in model.state_dict().items() if "prompts." not in key}
    plain.load_state_dict(rest)
    return plain


@pytest.fixture
def asked(tokenizer: Tokenizer) -> Chunk:
    (chunk,) = chunks([Wording(name) for name in NAMES], name_lengths(tokenizer, NAMES))
    return chunk


@pytest.fixture
def batch(asked: Chunk, tokenizer: Tokenizer) -> Batch:
    torch.manual_seed(2)
    nothing, none = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    images = [torch.randint(0, 255, (3, side, 96), dtype=torch.uint8) for side in (64, 90)]
    return Collate(tokenizer)(
        [
            Sample(one, nothing, none, asked.prompt, row, (one.shape[1], 96))
            for row, one in enumerate(images)
        ]
    )


def learned(model: GLIP, tokenizer: Tokenizer, asked: Chunk, path: Path) -> LearnedPrompt:
    (question,) = read_questions(model, tokenizer, [asked], CPU)
    learned_prompt(asked.prompt, question, model).write(path)
    return read_prompt(path)


@pytest.mark.parametrize("prompts", [1, 2])
@torch.no_grad()
def test_the_file_says_what_the_model_says(
    prompts: int,
    settings: Compose,
    tokenizer: Tokenizer,
    asked: Chunk,
    batch: Batch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tuned = model_of(settings, prompts)
    file = learned(tuned, tokenizer, asked, tmp_path / "prompt.safetensors")
    plain = plain_one(tuned, settings)
    before = plain(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    decoder = Decoder(max_detections=20)
    found = detect_categories(plain, decoder, [file.question(plain)], batch)
    output = tuned(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    whole = decoder(output, batch)
    assert not torch.equal(output.alignment, before.alignment)
    assert not caplog.records
    for one, other in zip(found, whole, strict=True):
        assert len(one) == len(other) > 5
        assert torch.allclose(one.scores, other.scores, atol=1e-5)
    after = plain(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    assert torch.equal(after.alignment, before.alignment)


@torch.no_grad()
def test_words_are_read_without_what_was_learned_too(
    settings: Compose, tokenizer: Tokenizer, asked: Chunk
) -> None:
    tuned = model_of(settings, 2)
    (bare,) = read_questions(tuned, tokenizer, [asked], CPU, learned=False)
    (plain,) = read_questions(plain_one(tuned, settings), tokenizer, [asked], CPU)
    (full,) = read_questions(tuned, tokenizer, [asked], CPU)
    assert torch.equal(bare.text.hidden, plain.text.hidden)
    assert not bare.text.deeper and len(full.text.deeper) == 1
    assert not torch.equal(bare.text.hidden, full.text.hidden)


@torch.no_grad()
def test_another_models_prompt_is_told(
    settings: Compose,
    tokenizer: Tokenizer,
    asked: Chunk,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = model_of(settings, 1)
    file = learned(model, tokenizer, asked, tmp_path / "prompt.safetensors")
    torch.nn.init.zeros_(next(model.prompts.parameters()))
    torch.nn.init.zeros_(next(model.text_encoder.parameters()))
    file.question(model)  # what is not asked may differ
    assert not caplog.records
    torch.nn.init.ones_(model.head.prior_bias)
    file.question(model)
    assert "tuned from a model with other weights" in caplog.text


@torch.no_grad()
def test_a_prompt_of_a_deeper_model_is_refused(
    settings: Compose, tokenizer: Tokenizer, asked: Chunk, tmp_path: Path
) -> None:
    file = learned(model_of(settings, 2), tokenizer, asked, tmp_path / "prompt.safetensors")
    with pytest.raises(UserError, match="2 readings of the words, this model reads them 1 times"):
        file.question(model_of(settings, 0, "model/fusion=none"))
