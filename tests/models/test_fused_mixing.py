import pytest
import torch

from glip_pl.models.dynamic_head import DynamicConv
from glip_pl.models.fused_mixing import available
from glip_pl.models.plain_forms import gpu_forms

pytest.importorskip("triton", reason="the form of a GPU needs it")


def test_a_layer_mixes_its_branches_alike_in_value_and_gradient() -> None:
    torch.manual_seed(0)
    layer = DynamicConv(32)
    for name, parameter in layer.named_parameters():
        if name.startswith(("activation", "scale_attention")):
            torch.nn.init.normal_(parameter)
    sides = [(8, 12), (4, 6), (2, 3)]
    branches = [[torch.randn(2, 32, *side) for _ in range(2 + (side[0] == 4))] for side in sides]
    leaves = [branch.requires_grad_() for level in branches for branch in level]
    leaves += [*layer.activation.parameters(), *layer.scale_attention.parameters()]
    found = []
    for form in (torch.enable_grad, gpu_forms):
        with form():
            outs = layer._mixed(branches)
            total = torch.stack([out.square().sum() for out in outs]).sum()
            found.append([*outs, *torch.autograd.grad(total, leaves)])
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-2, rtol=1e-3)


def test_only_full_precision_is_mixed_by_kernels() -> None:
    assert available(torch.zeros(1))
    assert not available(torch.zeros(1, dtype=torch.float64))
