"""A predictor has the detections of an evaluation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from PIL import Image

from glip_pl.data.dataset_factory import evaluation_set
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.images import load_image
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.predictor import Predictor
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.prompts.chunking import chunks
from glip_pl.prompts.prompt_from_text import Wording, clean_name, names_prompt
from glip_pl.prompts.tokens import Tokenizer, name_lengths
from glip_pl.types import Prompt
from tests.conftest import Compose


def test_one_picture_is_a_batch_of_one(
    world: Path, tokenizer: Tokenizer, settings: Compose, indexes: Path
) -> None:
    torch.manual_seed(0)
    model = instantiate(settings().model)
    torch.nn.init.constant_(model.head.prior_bias, 0.0)  # so that there are detections
    transform = ResizeFlip([128], 128)
    predictor = Predictor(model, tokenizer, transform, Decoder())
    reader = CocoJson(world / "annotations/seen.json", world / "images/seen")
    dataset = evaluation_set(reader, indexes, transform, tokenizer, COCOAveragePrecision)
    image = load_image(world / "images/seen/000001.png")
    detections = predictor(image, names_prompt(dataset.index.names))
    batch = predictor.collate([dataset[0]])
    with torch.inference_mode():
        output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    (expected,) = Decoder()(output, batch)
    assert len(detections) > 0
    assert detections.boxes.equal(expected.boxes)
    assert detections.scores.equal(expected.scores)
    assert detections.scores.diff().max() <= 0  # best first
    assert detections.boxes.max() < 96  # pixels of the picture, 96 wide, not of the input


def test_names_may_be_more_than_a_prompt_holds(
    world: Path, tokenizer: Tokenizer, settings: Compose
) -> None:
    torch.manual_seed(0)
    model = instantiate(settings().model)
    torch.nn.init.constant_(model.head.prior_bias, 0.0)
    predictor = Predictor(model, tokenizer, ResizeFlip([96], 96), Decoder(max_detections=3))
    names = [f"{number}_thing (of some kind)" for number in range(200)]
    vocabulary = predictor.vocabulary(names)
    assert len(vocabulary.questions) == 3
    image = load_image(world / "images/seen/000001.png")
    detections = predictor(image, vocabulary)
    assert len(detections) == 3
    best = [float(predictor(image, prompt).scores[0]) for prompt in _prompts(predictor, names)]
    assert float(detections.scores[0]) == pytest.approx(max(best))
    assert vocabulary.prompt.phrase_text(199) == "199 thing "
    with pytest.raises(UserError, match="list of names is empty"):
        predictor.vocabulary([])


def test_pictures_given_in_python_are_converted_like_files(
    world: Path, tokenizer: Tokenizer, settings: Compose, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = instantiate(settings().model)
    torch.nn.init.constant_(model.head.prior_bias, 0.0)
    predictor = Predictor(model, tokenizer, ResizeFlip([96], 96), Decoder(max_detections=3))
    grey = load_image(world / "images/seen/000001.png").convert("L")
    sixteen_bits = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    detections = predictor(sixteen_bits, "circle")
    assert detections.boxes.equal(predictor(grey, "circle").boxes)
    sixteen_bits.save(tmp_path / "x.png")
    assert detections.scores.equal(predictor(load_image(tmp_path / "x.png"), "circle").scores)
    with pytest.raises(UserError, match="given to the predictor holds numbers of no known range"):
        predictor(Image.fromarray(np.ones((9, 9), dtype=np.float32)), "circle")


def _prompts(predictor: Predictor, names: list[str]) -> list[Prompt]:
    """The prompts of a vocabulary, to be used one at a time."""
    wordings = [Wording(clean_name(name)) for name in names]
    lengths = name_lengths(predictor.tokenizer, [wording.text for wording in wordings])
    return [chunk.prompt for chunk in chunks(wordings, lengths)]
