from pathlib import Path

import pytest

from glip_pl.checkpoints.address import checkpoint_at
from glip_pl.errors import UserError
from glip_pl.inference.predictor import Predictor


def test_a_path_is_a_file_or_the_folder_of_a_model(tiny_finding: Path, tmp_path: Path) -> None:
    assert checkpoint_at(str(tiny_finding)) == tiny_finding
    Predictor.load(tiny_finding, "cpu").save_pretrained(tmp_path / "model")
    assert checkpoint_at(str(tmp_path / "model")) == tmp_path / "model/model.safetensors"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("none.ckpt", r"no such checkpoint: none\.ckpt \(the setting `ckpt`\)"),
        ("https://example.org/a.ckpt", "is an address from which nothing is downloaded"),
        ("hf://owner", "hf://"),
    ],
)
def test_what_is_not_there_is_told(wanted: str, message: str) -> None:
    for load in (checkpoint_at, Predictor.load):
        with pytest.raises(UserError, match=message):
            load(wanted)
