import pytest
import torch

from glip_pl.models.plain_forms import gpu_forms
from glip_pl.models.small_kernels import for_each, means_of_maps, scaled_rows


def test_rows_are_scaled_in_value_and_gradient() -> None:
    rows = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    factors = [0.5, 2.0, -1.0]
    expected = rows * torch.tensor(factors)[:, None]
    assert torch.equal(scaled_rows(rows, factors), expected)
    torch.autograd.gradcheck(lambda one: scaled_rows(one, factors), [rows])


@pytest.mark.parametrize("sides", [[(4, 6)], [(4, 6), (2, 3), (1, 1)]])
def test_means_are_the_same_in_both_forms(sides: list[tuple[int, int]]) -> None:
    maps = [torch.randn(2, 5, *side, requires_grad=True) for side in sides]
    factor = torch.randn(len(maps), 2, 5)
    plain = means_of_maps(maps)
    with gpu_forms():
        short = means_of_maps(maps)
    torch.testing.assert_close(short, plain)
    gradients = [torch.autograd.grad((out * factor).sum(), maps) for out in (plain, short)]
    torch.testing.assert_close(*gradients)


def test_a_shared_parameter_gets_the_sum_of_its_gradients() -> None:
    parameter = torch.randn(4, requires_grad=True)
    with gpu_forms():
        first, second, third = for_each(parameter, 3)
        (0 * first + second + 2 * third).sum().backward()
    assert parameter.grad is not None
    assert torch.equal(parameter.grad, torch.full((4,), 3.0))
    assert for_each(parameter, 2)[1] is parameter
