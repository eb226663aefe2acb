import pytest
import torch

from glip_pl.models.fused_windows import APART, regions_apart
from glip_pl.models.plain_forms import gpu_forms
from tests.models.test_swin import block


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [(8, 8), (9, 14), (3, 5), (13, 8)])
def test_fused_windows_equal_those_of_timm_in_value_and_gradient(
    shift: int, size: tuple[int, int]
) -> None:
    layer = block(shift)
    features = torch.randn(2, *size, 12)
    found = []
    for form in (torch.enable_grad, gpu_forms):
        with form():
            out = layer(features)
            gradients = torch.autograd.grad(out.square().sum(), list(layer.parameters()))
            found.append([out, *gradients])
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, atol=2e-3, rtol=1e-4)


def test_regions_are_those_of_the_mask_of_timm() -> None:
    layer = block(2)
    expected = layer.get_attn_mask(torch.zeros(1, 12, 8, 1))
    apart = regions_apart(layer, 12, 8, torch.device("cpu"))
    assert apart.equal(expected != 0)
    assert set(expected.unique().tolist()) == {APART, 0.0}
