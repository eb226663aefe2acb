import pytest
import torch
import torch.nn.functional as F
from torch import nn

from glip_pl.models.pointwise import PointwiseLinear, make_pointwise, paired, pointwise


@pytest.mark.parametrize("shape", [(5,), (1, 5), (3, 5), (2, 7, 5), (2, 1, 3, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pointwise_equals_a_linear_layer_in_value_and_gradient(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(size, dtype=dtype, requires_grad=True) for size in (shape, (4, 5), (4,))]
    ours, linear = pointwise(*inputs), F.linear(*inputs)
    torch.testing.assert_close(ours, linear)
    assert ours.is_contiguous()
    gradients = (torch.autograd.grad(out.square().sum(), inputs) for out in (ours, linear))
    for gradient, reference in zip(*gradients, strict=True):
        torch.testing.assert_close(gradient, reference)


@pytest.mark.parametrize("items", [1, 3])
@pytest.mark.parametrize("pixels", [4, 1 << 19])  # a product for all items, and a call for each
def test_paired_gives_each_item_its_own_layer(items: int, pixels: int) -> None:
    torch.manual_seed(0)
    features, weights, bias = (
        torch.randn(items, pixels, 8),
        torch.randn(items, 16, 8),
        torch.randn(items, 16),
    )
    for biases in (bias, None):
        out = paired(features, weights, biases)
        for item in range(items):
            own = None if biases is None else biases[item]
            torch.testing.assert_close(
                out[item], F.linear(features[item], weights[item], own), rtol=1e-4, atol=1e-5
            )


def test_only_plain_linear_layers_change_and_they_keep_their_names() -> None:
    class Special(nn.Linear):
        pass

    network = nn.Sequential(nn.Linear(3, 4), Special(4, 4), nn.LayerNorm(4))
    names = list(network.state_dict())
    make_pointwise(network)
    assert type(network[0]) is PointwiseLinear
    assert type(network[1]) is Special
    assert list(network.state_dict()) == names
