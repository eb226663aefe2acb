"""Low-rank updates are added to both encoders, and nothing else of them trains."""

from pathlib import Path

import pytest

from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.errors import UserError
from glip_pl.training.freezing import train_only
from glip_pl.training.lora import add_lora


def test_only_the_updates_train(checkpoint: Path) -> None:
    model = load_trained(checkpoint).model
    train_only(model, [])
    add_lora(model, rank=2, alpha=4, layers=r".*\.(query|conv_pw)")
    trained = [name for name, weights in model.named_parameters() if weights.requires_grad]
    assert all(".lora_A." in name or ".lora_B." in name for name in trained)
    assert any(name.startswith("text_encoder.") and ".query." in name for name in trained)
    assert any(name.startswith("image_encoder.") and ".conv_pw." in name for name in trained)


def test_layers_that_match_nothing_are_reported(checkpoint: Path) -> None:
    with pytest.raises(UserError, match=r"tuning\.lora\.layers='no_layer' matches no layer"):
        add_lora(load_trained(checkpoint).model, rank=2, alpha=4, layers="no_layer")
