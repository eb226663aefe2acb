"""Other encoders train, are saved and detect by settings alone."""

import json
from pathlib import Path

import pytest
from hydra.utils import instantiate

from glip_pl.export import export
from glip_pl.files.shipped_settings import CONF_DIR
from glip_pl.inference.predictor import Predictor
from glip_pl.models.image_encoder import ImageEncoder
from glip_pl.running.settings import compose_settings
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


def words_of(image: str, text: str, folder: Path) -> list[str]:
    """Settings of a small model with these encoders; the text encoder is written to `folder`."""
    write_text_folder(folder)
    kind = json.loads((folder / "config.json").read_text()) | {"model_type": text}
    (folder / "config.json").write_text(json.dumps(kind))
    text_and_size = [
        word for word in overrides(folder) if not word.lstrip("+").startswith("model.image_encoder")
    ]
    return [
        *SMALL,
        *text_and_size,
        f"model/image_encoder={image}",
        "model.image_encoder.pretrained=false",
        *(f"+model.image_encoder.{word}" for word in TINY[image]),
        *(["model.image_encoder.stages=[0,1,2]"] if image == "dinov2_small" else []),
        *("data.batch_size=2", "data.val=null", "data.test=null", "callbacks.best=null"),
        *("trainer.max_steps=1", "checks.mistakes=warn"),
    ]


@pytest.mark.parametrize(
    ("image", "text"), [("convnext_atto", "distilbert"), ("dinov2_small", "mpnet")]
)
def test_other_encoders_train_and_detect(
    image: str, text: str, world: Path, tmp_path: Path, settings: Compose
) -> None:
    words = words_of(image, text, tmp_path / "text")
    train(settings([*words, "tuning=full", f"data.root={world}"]))
    predictor = Predictor.load(tmp_path / "run/checkpoints/last.ckpt")
    assert type(predictor.model.text_encoder.bert).__name__.lower() == f"{text}model"
    assert len(predictor(PICTURE, TEXT, threshold=0.0).boxes)


SUFFIXES = {"onnx": "onnx", "openvino": "xml", "torch_export": "pt2"}

SAME_PROMPT = [
    "data.train.captions=null",
    "+data.train.detection.dataset.sampler.shuffle=false",
    "+data.train.detection.dataset.sampler.full_probability=1",
    "++data.train.detection.dataset.sampler.max_negatives=100",
]
"""Learned prompts need one prompt for all pictures."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "tuning", ["frozen_text", "head", "linear_probe", "lora", "prompt", "prompt_deep"]
)
@pytest.mark.parametrize(
    ("image", "text"), [("convnext_atto", "distilbert"), ("dinov2_small", "mpnet")]
)
def test_other_encoders_can_be_tuned(
    image: str, text: str, tuning: str, world: Path, tmp_path: Path, settings: Compose
) -> None:
    words = words_of(image, text, tmp_path / "text")
    learns_prompt = tuning.startswith("prompt")
    words += SAME_PROMPT if learns_prompt else []
    train(settings([*words, f"tuning={tuning}", f"data.root={world}"]))
    Predictor.load(tmp_path / "run/checkpoints/last.ckpt")(PICTURE, TEXT)
    assert (tmp_path / "run/checkpoints/prompt.safetensors").is_file() == learns_prompt


@pytest.mark.slow
@pytest.mark.parametrize(
    ("image", "text", "form"),
    [
        ("convnext_atto", "distilbert", "onnx"),
        ("convnext_atto", "distilbert", "openvino"),
        ("convnext_atto", "distilbert", "torch_export"),
        ("dinov2_small", "mpnet", "onnx"),
        ("dinov2_small", "mpnet", "torch_export"),
    ],
)
def test_other_encoders_can_be_exported(
    image: str, text: str, form: str, world: Path, tmp_path: Path, settings: Compose
) -> None:
    words = words_of(image, text, tmp_path / "text")
    train(settings([*words, "tuning=full", f"data.root={world}"]))
    output = tmp_path / "exported" / f"model.{SUFFIXES[form]}"
    output.parent.mkdir()
    # The command raises an error if what the file computes differs from PyTorch.
    ckpt = tmp_path / "run/checkpoints/last.ckpt"
    export(compose_settings([f"ckpt={ckpt}", f"format={form}", f"output={output}"], "export"))
    assert output.is_file()
