import copy

import torch
from torch import Tensor, nn

from glip_pl.models.plain_forms import gpu_forms
from glip_pl.models.rounded_weights import rounded_weights


class Block(nn.Module):
    """A linear layer, a norm, and a convolution that is not always used."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)
        self.norm = nn.LayerNorm(4)
        self.conv = nn.Conv2d(4, 3, 1)

    def forward(self, features: Tensor, whole: bool = True) -> Tensor:
        with rounded_weights(self, features, kept=[self.conv.bias]):
            layers = (self.linear, self.norm, self.conv)
            parameters = [one for layer in layers for one in layer._parameters.values()]
            self.types = [one.dtype for one in parameters if one is not None]
            out: Tensor = self.norm(self.linear(features))
            if whole:
                out = self.conv(out.mT[..., None])
        return out


def step(block: Block, whole: bool = True) -> Tensor:
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        out: Tensor = block(torch.randn(2, 5, 6), whole)
    out.float().square().sum().backward()
    return out


def test_results_and_gradients_are_those_of_autocast() -> None:
    plain = Block()
    rounded = copy.deepcopy(plain)
    expected = step(plain)
    with gpu_forms():
        out = step(rounded)
    short, full = torch.bfloat16, torch.float32
    assert plain.types == [full] * 6
    assert rounded.types == [short, short, full, full, short, full]
    assert torch.equal(out, expected)
    for ours, theirs in zip(rounded.parameters(), plain.parameters(), strict=True):
        assert isinstance(ours, nn.Parameter)
        assert ours.grad is not None
        assert ours.grad.dtype == full
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_frozen_and_unused_weights_have_no_gradient() -> None:
    block = Block()
    block.linear.weight.requires_grad_(False)
    with gpu_forms():
        step(block, whole=False)
    assert block.types[0] == torch.bfloat16
    assert block.linear.weight.grad is None
    assert block.conv.weight.grad is None
    assert block.linear.bias.grad is not None


def test_weights_are_back_after_an_error_and_stay_in_inference() -> None:
    block = Block()
    weight = block.linear.weight
    with gpu_forms(), torch.autocast("cpu", torch.bfloat16):
        try:
            block(torch.randn(2, 5, 7))
        except RuntimeError:
            assert block.types[0] == torch.bfloat16
        assert block.linear.weight is weight
        with torch.no_grad():
            block(torch.randn(2, 5, 6))
    assert block.types == [torch.float32] * 6
