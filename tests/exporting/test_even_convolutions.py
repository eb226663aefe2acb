import pytest
import torch
from timm.layers import Conv2dSame

from glip_pl.exporting.even_convolutions import EvenConvolution, make_even


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_the_padding_of_maps_with_even_sides_is_the_same(kernel: int) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 4, 16, 10)
    layer = torch.nn.Sequential(Conv2dSame(4, 8, kernel, stride=2, groups=2))
    expected = layer(features)
    make_even(layer)
    assert isinstance(layer[0], EvenConvolution)
    assert layer(features).equal(expected)
