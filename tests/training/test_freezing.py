import pytest
from torch import nn

from glip_pl.errors import UserError
from glip_pl.training.freezing import set_frozen_modules_to_eval, train_only


def model() -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "text": nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)),
            "texture": nn.Linear(2, 2),
            "head": nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)),
        }
    )


def trained(paths: list[str]) -> list[str]:
    network = model()
    train_only(network, paths)
    return [name for name, one in network.named_parameters() if one.requires_grad]


def test_paths_name_whole_modules() -> None:
    assert trained(["text"]) == ["text.0.weight", "text.0.bias"]
    assert trained(["head.1", "texture.bias"]) == ["texture.bias", "head.1.weight", "head.1.bias"]
    assert len(trained(["all"])) == 8
    assert trained([]) == []


def test_a_path_that_matches_nothing_is_named() -> None:
    with pytest.raises(UserError, match=r"'tex', which matches nothing.*text, texture, head"):
        train_only(model(), ["head", "tex"])


def test_frozen_modules_rest() -> None:
    network = model()
    train_only(network, ["head.1"])
    network.train()
    set_frozen_modules_to_eval(network)
    assert not network["text"].training
    assert network["head"].training
