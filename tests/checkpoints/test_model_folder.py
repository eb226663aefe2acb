"""A folder of a model names what is in it, and nothing outside."""

from pathlib import Path
from typing import Any

import pytest

from glip_pl.checkpoints.model_folder import checkpoint_file, located, with_own_sources
from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.writing import write_weights
from glip_pl.errors import UserError

CONFIG = {
    "model": {"channels": 5, "text_encoder": {"source": "bert", "pretrained": True}},
    "tokenizer": "bert",
    "eval_transform": {"short_sides": [5], "max_side": 9},
}


def test_sources_are_found_beside_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    own = with_own_sources(CONFIG)
    assert own["tokenizer"] == "folder://tokenizer"
    write_weights({}, own, path)
    (tmp_path / "moved").mkdir()
    path.rename(tmp_path / "moved" / "model.safetensors")
    config = read_checkpoint(tmp_path / "moved").config
    assert config["tokenizer"] == str(tmp_path / "moved" / "tokenizer")
    encoder = config["model"]["text_encoder"]
    assert encoder == {"source": str(tmp_path / "moved" / "text_encoder"), "pretrained": False}
    assert config["model"]["channels"] == 5 and config["eval_transform"]["max_side"] == 9


def test_other_sources_stay() -> None:
    assert located(CONFIG, Path("x.safetensors")) == CONFIG
    assert located({"model": 5}, Path("x.safetensors")) == {"model": 5}


@pytest.mark.parametrize("inside", ["../up", "a/../../up", "/etc", "", "..", "a\\..\\up"])
@pytest.mark.parametrize("part", ["tokenizer", "text_encoder"])
def test_a_path_out_of_the_folder_is_refused(part: str, inside: str, tmp_path: Path) -> None:
    config: dict[str, Any] = {**CONFIG, "model": {"text_encoder": {"source": "bert"}}}
    if part == "tokenizer":
        config["tokenizer"] = f"folder://{inside}"
    else:
        config["model"] = {"text_encoder": {"source": f"folder://{inside}"}}
    with pytest.raises(UserError, match=r"outside its folder\. Do not trust this file"):
        located(config, tmp_path / "model.safetensors")


def test_only_a_folder_with_weights_is_a_model(tmp_path: Path) -> None:
    assert checkpoint_file(tmp_path) == tmp_path
    file = tmp_path / "model.safetensors"
    file.touch()
    assert checkpoint_file(tmp_path) == checkpoint_file(file) == file
