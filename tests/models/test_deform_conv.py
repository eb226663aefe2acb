import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import deform_conv2d

from glip_pl.models import deform_conv, recomputing
from glip_pl.models.deform_conv import DeformConv, gather_convolution, read_linearly


def test_zero_offsets_and_open_masks_give_a_plain_convolution() -> None:
    torch.manual_seed(0)
    for stride in (1, 2):
        layer = DeformConv(16, stride=stride, groups=4)
        features = torch.randn(2, 16, 9, 13)
        side = F.conv2d(features, layer.weight, layer.bias, stride=stride, padding=1)
        size = side.shape[-2:]
        out = layer(features, torch.zeros(2, 18, *size), torch.ones(2, 9, *size))
        torch.testing.assert_close(out, layer.norm(side), rtol=1e-4, atol=1e-4)


def test_larger_offset_maps_are_read_linearly() -> None:
    buffer = torch.arange(2 * 3 * 4 * 4).view(2, 3, 4, 4)
    seen = read_linearly(buffer, (2, 2))
    assert seen.shape == (2, 3, 2, 2)
    assert seen[0].flatten().tolist() == list(range(12))
    assert seen[1].flatten().tolist() == list(range(48, 60))


@pytest.mark.parametrize(("positions", "worth"), [(2048, 1 << 20), (7, 1 << 20), (7, 0)])
def test_gathers_equal_torchvision_in_value_and_gradient(
    positions: int, worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All positions at once, in chunks, and in chunks that the backward pass computes again."""
    monkeypatch.setattr(deform_conv, "CHUNK", positions)
    monkeypatch.setattr(recomputing, "WORTH_TWICE", worth)
    torch.manual_seed(0)
    for stride in (1, 2):
        inputs = [
            torch.randn(2, 8, 9, 13),
            torch.randn(2, 18, -(-9 // stride), -(-13 // stride)) * 3,
            torch.rand(2, 9, -(-9 // stride), -(-13 // stride)),
            torch.randn(8, 8, 3, 3),
            torch.randn(8),
        ]
        inputs = [tensor.requires_grad_() for tensor in inputs]
        features, offsets, masks, weight, bias = inputs
        ours = gather_convolution(features, offsets, masks, weight, bias, stride)
        theirs = deform_conv2d(features, offsets, weight, bias, stride, padding=1, mask=masks)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
        gradients = (torch.autograd.grad(out.square().sum(), inputs) for out in (ours, theirs))
        for gradient, reference in zip(*gradients, strict=True):
            torch.testing.assert_close(gradient, reference, rtol=1e-3, atol=1e-2)


def test_offsets_that_are_nan_give_nan() -> None:
    layer = DeformConv(16, stride=1, groups=4)
    offsets = torch.full((1, 18, 5, 5), float("nan"))
    out = layer(torch.randn(1, 16, 5, 5), offsets, torch.ones(1, 9, 5, 5))
    assert out.isnan().any()
