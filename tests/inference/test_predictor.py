"""A picture asked in one call gives what the evaluation path gives."""

from pathlib import Path

import torch
from hydra.utils import instantiate

from glip_pl.data.evaluation import EvaluationSet
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.images import load_image
from glip_pl.data.transforms import ResizeFlip
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.predictor import Predictor
from glip_pl.metrics.coco import COCOAveragePrecision
from glip_pl.prompts.building import names_prompt
from glip_pl.prompts.tokens import Tokenizer
from tests.conftest import Compose


def test_one_picture_is_a_batch_of_one(
    world: Path, tokenizer: Tokenizer, settings: Compose, indexes: Path
) -> None:
    torch.manual_seed(0)
    model = instantiate(settings().model)
    torch.nn.init.constant_(model.head.prior_bias, 0.0)  # so that there is something to find
    transform = ResizeFlip([128], 128)
    predictor = Predictor(model, tokenizer, transform, Decoder())
    reader = CocoJson(world / "annotations/seen.json", world / "images/seen")
    dataset = EvaluationSet(reader, indexes, transform, tokenizer, COCOAveragePrecision)
    image = load_image(world / "images/seen/000001.png")
    found = predictor(image, names_prompt(dataset.names))
    batch = predictor.collate([dataset[0]])
    with torch.inference_mode():
        output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    (same,) = Decoder()(output, batch)
    assert len(found) > 0
    assert found.boxes.equal(same.boxes)
    assert found.scores.equal(same.scores)
    assert found.scores.diff().max() <= 0  # best first
    assert found.boxes.max() < 96  # pixels of the picture, 96 wide, not of the input
