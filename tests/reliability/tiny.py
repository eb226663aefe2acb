"""The smallest complete model, of 0.2 M parameters, in files of every kind."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from PIL import Image
from torch import Tensor

from glip_pl.checkpoints import official
from glip_pl.checkpoints.reading import CONFIG_KEY
from glip_pl.checkpoints.writing import write_weights
from glip_pl.inference.large_vocabulary import read_questions
from glip_pl.inference.learned_prompt import learned_prompt
from glip_pl.inference.predictor import Predictor
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import load_tokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "a", "red", "circle", "square", "##s"]
PICTURE = Image.new("RGB", (40, 32), (200, 30, 30))
TEXT = "a red circle. squares"


def write_text_folder(folder: Path) -> Path:
    """A folder with a tokenizer of a few words and the settings of a BERT for it."""
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    bert = {
        "model_type": "bert",
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "vocab_size": len(WORDS),
    }
    bert |= {"num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 300}
    (folder / "config.json").write_text(json.dumps(bert))
    tokenizer = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return folder


def overrides(text_folder: Path) -> list[str]:
    """The model as settings on a command line."""
    return [
        *("model.channels=32", "model.layers=1", "model.image_encoder.name=test_efficientnet"),
        *("model.image_encoder.weights=null", "+model.image_encoder.pretrained=false"),
        *(f"model.text_encoder.source={text_folder}", "model.text_encoder.pretrained=false"),
        *("model.text_encoder.layers=null", "model.fusion.inner_dim=8", "model.fusion.heads=2"),
        *("model.fusion.text_heads=2", "model.prompt_rows=8", f"tokenizer.source={text_folder}"),
    ]


def config_of(text_folder: Path, **model: Any) -> dict[str, Any]:
    """What a checkpoint keeps of the settings."""
    parts = "glip_pl.models"
    recipe = {
        "_target_": f"{parts}.glip.GLIP",
        **{"channels": 32, "layers": 1, "prompts": 0, "prompt_rows": 8, "initial_gain": 12.0},
        "fusion": {
            "_target_": f"{parts}.fusion.DeepFusion",
            "_partial_": True,
            **{"inner_dim": 8, "heads": 2, "text_heads": 2, "dropout": 0.0},
        },
        "image_encoder": {
            "_target_": f"{parts}.image_encoder.ImageEncoder",
            **{"name": "test_efficientnet", "stages": [2, 3, 4], "weights": None},
            **{"mean": [127.0] * 3, "std": [128.0] * 3, "pretrained": False},
        },
        "text_encoder": {
            "_target_": f"{parts}.text_encoder.TextEncoder",
            **{"source": str(text_folder), "pretrained": False, "layers": None},
        },
    }
    return {
        "model": {**recipe, **model},
        "tokenizer": str(text_folder),
        "eval_transform": {"short_sides": [32], "max_side": 64},
        "lora_scale": None,
    }


def model_of(config: Mapping[str, Any]) -> GLIP:
    """The model with random weights that detects something."""
    torch.manual_seed(0)
    model: GLIP = instantiate(config["model"])
    torch.nn.init.zeros_(model.head.prior_bias)
    return model.eval()


def write_own(path: Path, config: Mapping[str, Any], lora: bool = False, **options: Any) -> Path:
    """A checkpoint as a training writes it."""
    state = {f"model.{name}": value for name, value in model_of(config).state_dict().items()}
    if lora:
        layer = "model.fusions.0.text_layer.query"
        state[f"{layer}.base_layer.weight"] = state.pop(f"{layer}.weight")
        state[f"{layer}.base_layer.bias"] = state.pop(f"{layer}.bias")
        state[f"{layer}.lora_A.default.weight"] = torch.ones(2, 8)
        state[f"{layer}.lora_B.default.weight"] = torch.ones(8, 2)
        config = {**config, "lora_scale": 0.5}
    torch.save({CONFIG_KEY: dict(config), "state_dict": state}, path, **options)
    return path


def write_converted(path: Path, config: dict[str, Any]) -> Path:
    """A checkpoint as `glip_pl.convert` writes it."""
    write_weights(model_of(config).state_dict(), config, path)
    return path


def write_official(path: Path, keys: Mapping[str, Any]) -> Path:
    """All keys of a released file, each with a single number, and the entries around them."""
    state = {f"module.{key}": torch.ones(1) for key in keys}
    state[f"module.{official.FIRST_LAYER}"] = torch.ones(96, 1, 1, 1)
    entries = {"model": state, "optimizer": {"state": {0: {"step": 5}}}, "iteration": 5}
    torch.save(entries, path)
    return path


def write_prompt(path: Path, text_folder: Path) -> Path:
    """A learned prompt for the model."""
    model, tokenizer = model_of(config_of(text_folder, prompts=1)), load_tokenizer(str(text_folder))
    prompt = names_prompt(["red circle", "square"])
    with torch.no_grad():
        (question,) = read_questions(model, tokenizer, [Chunk(0, prompt)], torch.device("cpu"))
    learned_prompt(prompt, question, model).write(path)
    return path


def detected(path: Path) -> object:
    """The weights of a checkpoint and what it detects."""
    predictor = Predictor.load(path)
    (detections,) = predictor.detect([PICTURE], predictor.encode(TEXT))
    return digest(predictor.model.state_dict()), len(detections), detections.scores[:3].tolist()


def digest(tensors: Mapping[str, Tensor]) -> str:
    """A hash of names, types and values."""
    hashed = hashlib.sha256()
    for name, value in tensors.items():
        hashed.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        hashed.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return hashed.hexdigest()[:16]
