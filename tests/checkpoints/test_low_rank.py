import torch

from glip_pl.checkpoints.low_rank import merged


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
