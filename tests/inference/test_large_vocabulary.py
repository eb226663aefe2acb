"""Categories in several prompts get the detections of the whole model for each prompt."""

import pytest
import torch
from hydra.utils import instantiate

from glip_pl.data.collate import Collate
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.large_vocabulary import detect_categories, free_bytes, read_questions
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.tokens import Tokenizer, name_lengths
from glip_pl.types import Detections, Sample
from tests.conftest import Compose

NAMES = [f"{colour} {shape}" for colour in ("red", "blue", "light green")
         for shape in ("star", "hexagonal prism", "ring", "moon")]  # fmt: skip


def model_of(settings: Compose, *overrides: str) -> GLIP:
    torch.manual_seed(0)
    model: GLIP = instantiate(settings(list(overrides)).model)
    torch.nn.init.constant_(model.head.prior_bias, 0.0)  # so that there are detections
    return model.eval()


def assert_same(first: Detections, second: Detections) -> None:
    """The boxes agree; those of equal scores may be in another order."""
    assert len(first) == len(second)

    def sorted_rows(detections: Detections) -> torch.Tensor:
        columns = [
            detections.phrase_ids[:, None],
            detections.boxes,
            detections.scores[:, None],
        ]
        rows = torch.cat(columns, 1).double()
        return rows[
            sorted(range(len(rows)), key=lambda row: [round(v, 2) for v in rows[row].tolist()])
        ]

    assert torch.allclose(sorted_rows(first), sorted_rows(second), atol=2e-3)


@pytest.mark.parametrize("fusion", ["narrow", "none"])
@pytest.mark.parametrize("memory_gb", [None, 1.0])
@torch.inference_mode()
def test_several_prompts_are_detected_as_by_the_whole_model(
    fusion: str, memory_gb: float | None, settings: Compose, tokenizer: Tokenizer
) -> None:
    model = model_of(settings, f"model/fusion={fusion}")
    decoder = Decoder(max_detections=20)
    wordings = [Wording(name) for name in NAMES]
    vocabulary = list(chunks(wordings, name_lengths(tokenizer, NAMES), 5))
    assert len(vocabulary) == 3
    images = [torch.randint(0, 255, (3, side, 96), dtype=torch.uint8) for side in (64, 90)]
    no_boxes, no_ids = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)

    def samples(chunk: Chunk) -> list[Sample]:
        return [
            Sample(image, no_boxes, no_ids, chunk.prompt, row, (image.shape[1], 96))
            for row, image in enumerate(images)
        ]

    collate = Collate(tokenizer)
    questions = read_questions(model, tokenizer, vocabulary, torch.device("cpu"))
    batch = collate(samples(vocabulary[0]))
    detections = detect_categories(model, decoder, questions, batch, memory_gb)
    by_image: list[list[Detections]] = [[], []]
    for chunk in vocabulary:
        batch = collate(samples(chunk))
        output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        for row, of_image in enumerate(decoder(output, batch)):
            categories = of_image.phrase_ids + chunk.first
            by_image[row].append(Detections(of_image.boxes, of_image.scores, categories))
    for row, by_prompt in enumerate(by_image):
        whole = Detections(
            torch.cat([of_prompt.boxes for of_prompt in by_prompt]),
            torch.cat([of_prompt.scores for of_prompt in by_prompt]),
            torch.cat([of_prompt.phrase_ids for of_prompt in by_prompt]),
        )
        assert len(whole) >= 50
        assert detections[row].scores.diff().max() <= 0
        assert_same(detections[row], whole)


def test_free_memory_includes_what_pytorch_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for a GPU: of 80 bytes 10 are free, and 60 are reserved for 25 that are in use."""
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (10, 80))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda device: 60)
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda device: 25)
    assert free_bytes(torch.device("cuda")) == 45


@pytest.mark.parametrize("fusion", ["narrow", "none"])
@torch.inference_mode()
def test_an_image_is_not_copied_for_each_prompt(
    fusion: str, settings: Compose, tokenizer: Tokenizer
) -> None:
    model = model_of(settings, f"model/fusion={fusion}")
    wordings = [Wording(name) for name in NAMES]
    vocabulary = list(chunks(wordings, name_lengths(tokenizer, NAMES), 5))
    questions = read_questions(model, tokenizer, vocabulary, torch.device("cpu"))
    no_boxes, no_ids = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    image = torch.randint(0, 255, (3, 64, 96), dtype=torch.uint8)
    sample = Sample(image, no_boxes, no_ids, vocabulary[0].prompt, 0, (64, 96))
    batch = Collate(tokenizer)([sample])
    given: list[list[torch.Tensor]] = []
    reader = model.head if fusion == "none" else model.fusions[0]
    reader.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    (together,) = detect_categories(model, Decoder(), questions, batch, memory_gb=1)
    (levels,) = given
    for level in levels:
        assert len(level) == len(vocabulary)
        assert level.untyped_storage().nbytes() == 4 * level[0].numel()
    (alone,) = detect_categories(model, Decoder(), questions, batch)
    assert_same(together, alone)
