import pytest
import torch

from glip_pl.models.whole_windows import cropped, padded


@pytest.mark.parametrize("size", [(3, 5), (4, 8)])
def test_padding_and_its_reverse_in_value_and_gradient(size: tuple[int, int]) -> None:
    maps = torch.randn(2, *size, 3, dtype=torch.float64, requires_grad=True)
    whole = padded(maps, 4, 8)
    assert whole.shape == (2, 4, 8, 3)
    assert whole.sum().isclose(maps.sum())
    assert cropped(whole, *size).equal(maps)
    torch.autograd.gradcheck(lambda one: padded(one, 4, 8), [maps])
    torch.autograd.gradcheck(lambda one: cropped(one, 2, 3), [maps])
