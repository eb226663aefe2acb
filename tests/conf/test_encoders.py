"""Other encoders train, are saved and detect by settings alone."""

import json
from pathlib import Path

import pytest
from hydra.utils import instantiate

from glip_pl.files.shipped_settings import CONF_DIR
from glip_pl.inference.predictor import Predictor
from glip_pl.models.image_encoder import ImageEncoder
from glip_pl.train import train
from tests.conftest import SMALL, Compose
from tests.reliability.tiny import PICTURE, TEXT, overrides, write_text_folder

IMAGE_ENCODERS = sorted(path.stem for path in (CONF_DIR / "model/image_encoder").glob("*.yaml"))

TINY = {
    "convnext_atto": ["depths=[1,1,1,1]", "dims=[8,8,8,8]"],
    "dinov2_small": ["depth=3", "embed_dim=24", "num_heads=2"],
}
"""Options of timm that make a network small."""


@pytest.mark.parametrize("name", IMAGE_ENCODERS)
def test_shipped_image_encoders_have_the_strides_of_glip(name: str, settings: Compose) -> None:
    words = [f"model/image_encoder={name}", "++model.image_encoder.pretrained=false"]
    node = settings(words).model.image_encoder
    encoder: ImageEncoder = instantiate({**node, "weights": None})
    assert encoder.strides == (8, 16, 32)


@pytest.mark.parametrize(
    ("image", "text"), [("convnext_atto", "distilbert"), ("dinov2_small", "mpnet")]
)
def test_other_encoders_train_and_detect(
    image: str, text: str, world: Path, tmp_path: Path, settings: Compose
) -> None:
    folder = write_text_folder(tmp_path / "text")
    kind = json.loads((folder / "config.json").read_text()) | {"model_type": text}
    (folder / "config.json").write_text(json.dumps(kind))
    text_and_size = [
        word for word in overrides(folder) if not word.lstrip("+").startswith("model.image_encoder")
    ]
    config = settings(
        [
            *SMALL,
            *text_and_size,
            f"model/image_encoder={image}",
            "model.image_encoder.pretrained=false",
            *(f"+model.image_encoder.{word}" for word in TINY[image]),
            *(["model.image_encoder.stages=[0,1,2]"] if image == "dinov2_small" else []),
            *("tuning=full", f"data.root={world}", "data.batch_size=2", "data.val=null"),
            *(
                "data.test=null",
                "callbacks.best=null",
                "trainer.max_steps=1",
                "checks.mistakes=warn",
            ),
        ]
    )
    train(config)
    predictor = Predictor.load(tmp_path / "run/checkpoints/last.ckpt")
    assert type(predictor.model.text_encoder.bert).__name__.lower() == f"{text}model"
    assert len(predictor(PICTURE, TEXT, threshold=0.0).boxes)
