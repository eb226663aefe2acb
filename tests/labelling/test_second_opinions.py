"""Second opinions on detections, computed by hand and by a tiny CLIP."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
)

from glip_pl.errors import UserError
from glip_pl.labelling.second_opinions import ClipScorer, agreeing, can_be_mirrored, rescored
from glip_pl.types import Detections, Prompt


def detections(boxes: list[list[float]], scores: list[float], phrases: list[int]) -> Detections:
    return Detections(
        torch.tensor(boxes).reshape(-1, 4), torch.tensor(scores), torch.tensor(phrases)
    )


def test_scores_are_averaged_with_those_of_the_mirrored_picture() -> None:
    here = detections([[10, 0, 19, 9], [50, 0, 59, 9], [0, 40, 9, 49]], [0.8, 0.7, 0.6], [0, 0, 1])
    # 100 pixels wide: x becomes 99 - x. The second box is not detected again,
    # the third as another phrase.
    there = detections([[80, 0, 89, 9], [90, 40, 99, 49]], [0.4, 0.6], [0, 0])
    agreed = agreeing(here, there, 100)
    assert agreed.scores.tolist() == pytest.approx([0.6, 0.35, 0.3])
    assert agreed.boxes.tolist() == here.boxes.tolist()
    alone = agreeing(here, detections([], [], []), 100)
    assert alone.scores.tolist() == pytest.approx([0.4, 0.35, 0.3])
    last = agreeing(here, detections([[40, 0, 49, 9]], [0.9], [0]), 100)
    assert last.boxes[0].tolist() == [50, 0, 59, 9]  # best first
    assert not len(agreeing(detections([], [], []), there, 100))


def test_captions_with_sides_are_not_mirrored() -> None:
    assert can_be_mirrored(Prompt("a bright star", ()))
    assert not can_be_mirrored(Prompt("a star left of a ring", ()))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CLIP with random weights, in the format of transformers."""
    folder = tmp_path_factory.mktemp("clip")
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    vocabulary = [
        *letters,
        *(f"{letter}</w>" for letter in letters),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    (folder / "vocab.json").write_text(
        json.dumps({word: row for row, word in enumerate(vocabulary)})
    )
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    size = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    text = CLIPTextConfig(**size, num_hidden_layers=1, vocab_size=len(vocabulary), eos_token_id=53)
    vision = CLIPVisionConfig(**size, num_hidden_layers=1, image_size=32, patch_size=8)
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=16
    )
    CLIPModel(config).save_pretrained(folder)
    pictures = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


def test_clip_scores_the_pixels_inside_each_box(clip: Path) -> None:
    scorer = ClipScorer.load(str(clip))
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    boxes = detections(
        [[0, 0, 39, 29], [40, 20, 70, 50], [0, 0, 39, 29], [5, 5, 5.2, 5.2], [70, 50, 79, 59]],
        [0.9, 0.8, 0.7, 0.6, 0.5],
        [0, 1, 1, 0, 1],
    )
    scores = scorer(image, ["star", "ring"], boxes)
    assert scores.shape == (5,) and bool(((scores > 0) & (scores < 1)).all())
    first = detections([[0, 0, 39, 29]], [0.9], [0])
    of_crop = scorer(image.crop((0, 0, 40, 30)), ["star", "ring"], first)
    assert of_crop.item() == pytest.approx(scores[0].item(), abs=1e-6)
    background = 1 - scores[0] - scores[2]  # the probability that is left of the same box
    assert 0 < float(background) < 1
    assert len(scorer(image, ["star"], detections([], [], []))) == 0
    ranked = rescored(boxes, scores)
    assert ranked.scores.tolist() == sorted(ranked.scores.tolist(), reverse=True)
    assert sorted(ranked.scores.tolist()) == pytest.approx(
        sorted((boxes.scores * scores).sqrt().tolist())
    )


def test_a_scorer_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match=r"scorer\.source"):
        ClipScorer.load(str(tmp_path / "nothing"))
