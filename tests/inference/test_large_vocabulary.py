"""Many categories asked for in several prompts are what the whole model says to each prompt."""

import pytest
import torch
from hydra.utils import instantiate

from glip_pl.data.collate import Collate
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.large_vocabulary import detect_categories, read_questions
from glip_pl.models.glip import GLIP
from glip_pl.prompts.building import Wording
from glip_pl.prompts.chunking import chunks
from glip_pl.prompts.tokens import Tokenizer, name_lengths
from glip_pl.types import Detections, Sample
from tests.conftest import Compose

NAMES = [f"{colour} {shape}" for colour in ("red", "blue", "light green")
         for shape in ("star", "hexagonal prism", "ring", "moon")]  # fmt: skip


def model_of(settings: Compose, *overrides: str) -> GLIP:
    torch.manual_seed(0)
    model: GLIP = instantiate(settings(list(overrides)).model)
    torch.nn.init.constant_(model.head.prior_bias, 0.0)  # so that there is something to find
    return model.eval()


def agree(ours: Detections, whole: Detections) -> None:
    """The same boxes; equal scores may come in another order."""
    assert len(ours) == len(whole)

    def key(one: Detections) -> torch.Tensor:
        rows = torch.cat([one.phrase_ids[:, None], one.boxes, one.scores[:, None]], 1).double()
        return rows[
            sorted(range(len(rows)), key=lambda row: [round(v, 2) for v in rows[row].tolist()])
        ]

    assert torch.allclose(key(ours), key(whole), atol=2e-3)


@pytest.mark.parametrize("fusion", ["narrow", "none"])
@pytest.mark.parametrize("memory_gb", [None, 1.0])
@torch.inference_mode()
def test_chunks_are_whole_prompts(
    fusion: str, memory_gb: float | None, settings: Compose, tokenizer: Tokenizer
) -> None:
    model = model_of(settings, f"model/fusion={fusion}")
    decoder = Decoder(max_detections=20)
    wordings = [Wording(name) for name in NAMES]
    asked = list(chunks(wordings, name_lengths(tokenizer, NAMES), 5))
    assert len(asked) == 3
    images = [torch.randint(0, 255, (3, side, 96), dtype=torch.uint8) for side in (64, 90)]
    nothing, none = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)

    def batch(prompt: int) -> list[Sample]:
        return [
            Sample(image, nothing, none, asked[prompt].prompt, row, (image.shape[1], 96))
            for row, image in enumerate(images)
        ]

    collate = Collate(tokenizer)
    questions = read_questions(model, tokenizer, asked, torch.device("cpu"))
    found = detect_categories(model, decoder, questions, collate(batch(0)), memory_gb)
    whole: list[list[Detections]] = [[], []]
    for number, chunk in enumerate(asked):
        one = collate(batch(number))
        output = model(one.images, one.sizes, one.tokens, one.attention_mask)
        for row, part in enumerate(decoder(output, one)):
            moved = part.phrase_ids + chunk.first
            whole[row].append(Detections(part.boxes, part.scores, moved))
    for row, parts in enumerate(whole):
        joined = Detections(
            *(torch.cat(column) for column in
              zip(*((p.boxes, p.scores, p.phrase_ids) for p in parts), strict=True))
        )  # fmt: skip
        assert len(joined) >= 50
        assert found[row].scores.diff().max() <= 0
        agree(found[row], joined)
