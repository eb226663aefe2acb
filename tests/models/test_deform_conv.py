import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import deform_conv2d

from glip_pl.models import deform_conv, recomputing
from glip_pl.models.deform_conv import DeformConv, gather_convolution, read_linearly
from glip_pl.models.plain_forms import gpu_forms


def positions(offsets: Tensor, masks: Tensor) -> Tensor:
    """Positions of taps with these offsets and weights."""
    return torch.cat([offsets, masks.logit(1e-9)], dim=1)


def test_zero_offsets_and_open_masks_give_a_plain_convolution() -> None:
    torch.manual_seed(0)
    for stride in (1, 2):
        layer = DeformConv(16, stride=stride, groups=4)
        features = torch.randn(2, 16, 9, 13)
        side = F.conv2d(features, layer.weight, layer.bias, stride=stride, padding=1)
        size = side.shape[-2:]
        open_taps = positions(torch.zeros(2, 18, *size), torch.ones(2, 9, *size))
        out = layer(features, open_taps)
        torch.testing.assert_close(out, layer.norm(side), rtol=1e-4, atol=1e-4)


def test_larger_offset_maps_are_read_linearly() -> None:
    buffer = torch.arange(2 * 3 * 4 * 4).view(2, 3, 4, 4)
    seen = read_linearly(buffer, (2, 2))
    assert seen.shape == (2, 3, 2, 2)
    assert seen[0].flatten().tolist() == list(range(12))
    assert seen[1].flatten().tolist() == list(range(48, 60))


@pytest.mark.parametrize(("chunk", "worth"), [(2048, 1 << 20), (7, 1 << 20), (7, 0)])
def test_gathers_equal_torchvision_in_value_and_gradient(
    chunk: int, worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All positions at once, in chunks, and in chunks that the backward pass computes again."""
    monkeypatch.setattr(deform_conv, "CHUNK", chunk)
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
    features = torch.randn(1, 16, 5, 5)
    for form in (torch.no_grad, gpu_forms):
        with form():
            out = layer(features, positions(offsets, torch.ones(1, 9, 5, 5)))
        assert out.isnan().any()


@pytest.mark.parametrize("stride", [1, 2])
def test_the_form_of_a_gpu_computes_the_same(stride: int) -> None:
    torch.manual_seed(0)
    layer = DeformConv(16, stride, groups=4)
    inputs = torch.randn(2, 16, 9, 13, requires_grad=True), torch.randn(2, 27, 10, 14) * 3
    leaves = [inputs[0], inputs[1].requires_grad_(), layer.weight, layer.bias]
    found = []
    for form in (torch.enable_grad, gpu_forms):
        with form():
            out = layer(*inputs)
            found.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)
