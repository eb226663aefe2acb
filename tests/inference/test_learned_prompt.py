"""With a learned prompt, an unchanged model has the detections of the tuned model."""

import json
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.rebuilding import rebuild
from glip_pl.checkpoints.writing import write_tensors
from glip_pl.data.collate import Collate
from glip_pl.errors import UserError
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.large_vocabulary import detect_categories, read_questions
from glip_pl.inference.learned_prompt import (
    KEY,
    LearnedPrompt,
    export_prompt,
    learned_prompt,
    read_prompt,
)
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.prompt_from_text import Wording, names_prompt
from glip_pl.prompts.tokens import Tokenizer, name_lengths
from glip_pl.types import Batch, Sample
from tests.conftest import Compose

NAMES = ["red star", "blue moon", "ring"]
CPU = torch.device("cpu")


def random_model(settings: Compose, prompts: int, *words: str) -> GLIP:
    torch.manual_seed(0)
    model: GLIP = instantiate(settings([f"model.prompts={prompts}", *words]).model)
    torch.nn.init.constant_(model.head.prior_bias, 0.0)  # so that there are detections
    torch.manual_seed(1)
    for table in model.prompts.parameters():
        torch.nn.init.normal_(table)
    return model.eval()


def without_prompt(model: GLIP, settings: Compose) -> GLIP:
    """The same model before prompt tuning."""
    plain = random_model(settings, 0)
    rest = {key: value for key, value in model.state_dict().items() if "prompts." not in key}
    plain.load_state_dict(rest)
    return plain


@pytest.fixture
def chunk(tokenizer: Tokenizer) -> Chunk:
    (only,) = chunks([Wording(name) for name in NAMES], name_lengths(tokenizer, NAMES))
    return only


@pytest.fixture
def batch(chunk: Chunk, tokenizer: Tokenizer) -> Batch:
    torch.manual_seed(2)
    no_boxes, no_ids = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    images = [torch.randint(0, 255, (3, side, 96), dtype=torch.uint8) for side in (64, 90)]
    return Collate(tokenizer)(
        [
            Sample(image, no_boxes, no_ids, chunk.prompt, row, (image.shape[1], 96))
            for row, image in enumerate(images)
        ]
    )


def written_and_read(model: GLIP, tokenizer: Tokenizer, chunk: Chunk, path: Path) -> LearnedPrompt:
    (question,) = read_questions(model, tokenizer, [chunk], CPU)
    learned_prompt(chunk.prompt, question, model).write(path)
    return read_prompt(path)


@pytest.mark.parametrize("prompts", [1, 2])
@torch.no_grad()
def test_detections_are_those_of_the_tuned_model(
    prompts: int,
    settings: Compose,
    tokenizer: Tokenizer,
    chunk: Chunk,
    batch: Batch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tuned = random_model(settings, prompts)
    prompt = written_and_read(tuned, tokenizer, chunk, tmp_path / "prompt.safetensors")
    plain = without_prompt(tuned, settings)
    before = plain(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    decoder = Decoder(max_detections=20)
    detections = detect_categories(plain, decoder, [prompt.question(plain)], batch)
    output = tuned(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    whole = decoder(output, batch)
    assert not torch.equal(output.alignment, before.alignment)
    assert not caplog.records
    for of_image, expected in zip(detections, whole, strict=True):
        assert len(of_image) == len(expected) > 5
        assert torch.allclose(of_image.scores, expected.scores, atol=1e-5)
    after = plain(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    assert torch.equal(after.alignment, before.alignment)


@torch.no_grad()
def test_a_tuned_model_can_encode_words_without_its_learned_prompt(
    settings: Compose, tokenizer: Tokenizer, chunk: Chunk
) -> None:
    tuned = random_model(settings, 2)
    (bare,) = read_questions(tuned, tokenizer, [chunk], CPU, learned=False)
    (plain,) = read_questions(without_prompt(tuned, settings), tokenizer, [chunk], CPU)
    (full,) = read_questions(tuned, tokenizer, [chunk], CPU)
    assert torch.equal(bare.text.hidden, plain.text.hidden)
    assert not bare.text.deeper and len(full.text.deeper) == 1
    assert not torch.equal(bare.text.hidden, full.text.hidden)


@torch.no_grad()
def test_the_prompt_of_other_weights_gives_a_warning(
    settings: Compose,
    tokenizer: Tokenizer,
    chunk: Chunk,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = random_model(settings, 1)
    prompt = written_and_read(model, tokenizer, chunk, tmp_path / "prompt.safetensors")
    torch.nn.init.zeros_(next(model.prompts.parameters()))
    torch.nn.init.zeros_(next(model.text_encoder.parameters()))
    prompt.question(model)  # these weights are not used with a learned prompt
    assert not caplog.records
    torch.nn.init.ones_(model.head.prior_bias)
    prompt.question(model)
    assert "tuned for a model with other weights" in caplog.text


@torch.no_grad()
def test_a_prompt_of_a_deeper_model_is_refused(
    settings: Compose, tokenizer: Tokenizer, chunk: Chunk, tmp_path: Path
) -> None:
    prompt = written_and_read(
        random_model(settings, 2), tokenizer, chunk, tmp_path / "prompt.safetensors"
    )
    message = "changes the tokens 2 times, but this model reads them 1 times"
    with pytest.raises(UserError, match=message):
        prompt.question(random_model(settings, 0, "model/fusion=none"))


def test_other_files_are_not_taken_for_learned_prompts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file: .*none\.safetensors"):
        read_prompt(tmp_path / "none.safetensors")
    path = tmp_path / "other.safetensors"
    write_tensors({"hidden": torch.zeros(3, 2)}, {}, path)
    with pytest.raises(UserError, match=r"other\.safetensors is no learned prompt"):
        read_prompt(path)
    tensors = {
        "hidden": torch.zeros(3, 2),
        "phrase_masks": torch.zeros(2, 3, dtype=torch.bool),
        "deeper": torch.zeros(0, 3, 2),
    }
    metadata = {"caption": "a cat", "phrases": [[[2, 5]]], "reader": ""}
    write_tensors(tensors, {KEY: json.dumps(metadata)}, path)
    with pytest.raises(UserError, match="its tensors do not fit each other"):
        read_prompt(path)  # two masks for one phrase


def prompt_file(path: Path, metadata: object = None, **tensors: torch.Tensor) -> Path:
    """A file with a learned prompt of two tokens and one phrase, apart from these changes."""
    sound = {
        "hidden": torch.zeros(2, 4),
        "phrase_masks": torch.ones(1, 2, dtype=torch.bool),
        "deeper": torch.zeros(0, 2, 4),
    }
    text = metadata or {"caption": "a cat", "phrases": [[[2, 5]]], "reader": ""}
    text = text if isinstance(text, str) else json.dumps(text)
    write_tensors({**sound, **tensors}, {KEY: text}, path)
    return path


@pytest.mark.parametrize(
    "tensors",
    [
        {"hidden": torch.tensor(1.0)},
        {"hidden": torch.zeros(2, 4, 1)},
        {"hidden": torch.zeros(2, 4, dtype=torch.int64)},
        {"hidden": torch.zeros(300, 4), "phrase_masks": torch.ones(1, 300, dtype=torch.bool)},
        {"phrase_masks": torch.ones(1, 2)},
        {"phrase_masks": torch.tensor(True)},
        {"deeper": torch.zeros(2, 4)},
        {"deeper": torch.zeros(1, 2, 5)},
        {"unknown": torch.zeros(1)},
    ],
)
def test_tensors_that_fit_no_prompt_are_refused(
    tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"odd\.safetensors is no learned prompt"):
        read_prompt(prompt_file(tmp_path / "odd.safetensors", **tensors))


@pytest.mark.parametrize(
    "metadata",
    [
        "[]",
        "[" * 100_000,
        '{"caption": "' + "a" * 2**20 + '"}',
        {"caption": "a cat", "phrases": [[[2, 50]]], "reader": ""},
        {"caption": "a cat", "phrases": [[[-3, 5]]], "reader": ""},
        {"caption": "a cat", "phrases": [[[2, float("inf")]]], "reader": ""},
        {"caption": "a cat", "phrases": 3, "reader": ""},
        {"caption": "a cat"},
    ],
)
def test_broken_texts_of_a_prompt_are_refused(metadata: object, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"odd\.safetensors is no learned prompt"):
        read_prompt(prompt_file(tmp_path / "odd.safetensors", metadata))


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_a_prompt_has_the_type_of_the_weights(kind: torch.dtype, tmp_path: Path) -> None:
    tensors = {"hidden": torch.ones(2, 4, dtype=kind), "deeper": torch.zeros(0, 2, 4, dtype=kind)}
    learned = read_prompt(prompt_file(tmp_path / "other.safetensors", **tensors))
    assert learned.hidden.equal(torch.ones(2, 4))
    assert learned.deeper.dtype == torch.float32


def test_infinite_values_of_a_prompt_give_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_prompt(prompt_file(tmp_path / "sound.safetensors"))
    assert not caplog.records
    hidden = torch.full((2, 4), torch.inf)
    read_prompt(prompt_file(tmp_path / "diverged.safetensors", hidden=hidden))
    assert "has values that are NaN or infinite (hidden)" in caplog.text


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
