import pytest
import torch

from glip_pl.checkpoints.low_rank import merged
from glip_pl.errors import UserError


def test_updates_are_added_and_other_weights_keep_their_values() -> None:
    weights = {
        "text.query.base_layer.weight": torch.ones(2, 3),
        "text.query.base_layer.bias": torch.tensor([5.0, 6.0]),
        "text.query.lora_A.default.weight": torch.tensor([[1.0, 0.0, 2.0]]),
        "text.query.lora_B.default.weight": torch.tensor([[1.0], [3.0]]),
        "head.weight": torch.tensor([7.0]),
    }
    plain = merged(weights, 0.5)
    assert {name: value.tolist() for name, value in plain.items()} == {
        "text.query.weight": [[1.5, 1.0, 2.0], [2.5, 1.0, 4.0]],
        "text.query.bias": [5.0, 6.0],
        "head.weight": [7.0],
    }


def test_updates_of_a_convolution_have_its_shape() -> None:
    down, up = torch.randn(2, 3, 5, 5), torch.randn(4, 2, 1, 1)
    weights = {
        "conv.base_layer.weight": torch.zeros(4, 3, 5, 5),
        "conv.lora_A.default.weight": down,
        "conv.lora_B.default.weight": up,
    }
    (weight,) = merged(weights, 1.0).values()
    torch.testing.assert_close(weight, torch.einsum("orij,rcxy->ocxy", up, down))


@pytest.mark.parametrize("missing", ["base_layer.weight", "lora_A.default.weight", "lora_B"])
def test_an_update_without_its_pair_or_layer_is_refused(missing: str) -> None:
    weights = {
        "a.base_layer.weight": torch.zeros(2, 3),
        "a.lora_A.default.weight": torch.zeros(1, 3),
        "a.lora_B.default.weight": torch.zeros(2, 1),
    }
    weights = {name: value for name, value in weights.items() if missing not in name}
    with pytest.raises(UserError, match="the low-rank update of a is incomplete"):
        merged(weights, 1.0)


@pytest.mark.parametrize(
    ("base", "down", "up"),
    [((2, 3), (1, 3), (2, 2)), ((2, 3), (1, 4), (2, 1)), ((2,), (1, 3), (2, 1)), ((2, 3), (), ())],
)
def test_an_update_of_another_shape_is_refused(
    base: tuple[int, ...], down: tuple[int, ...], up: tuple[int, ...]
) -> None:
    weights = {
        "a.base_layer.weight": torch.zeros(base),
        "a.lora_A.default.weight": torch.zeros(down),
        "a.lora_B.default.weight": torch.zeros(up),
    }
    with pytest.raises(UserError, match="the low-rank update of a does not fit"):
        merged(weights, 1.0)
