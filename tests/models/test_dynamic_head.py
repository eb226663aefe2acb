import torch

from glip_pl.models.dynamic_head import DynamicConv, DyReLU
from glip_pl.models.plain_forms import gpu_forms

SIDES = [(8, 12), (4, 6), (2, 3), (1, 2), (1, 1)]


def levels() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, 16, *side) for side in SIDES]


def test_dyrelu_is_the_larger_of_two_linear_functions() -> None:
    """With zero weights the biases alone give the coefficients, alike for all images."""
    layer = DyReLU(4)
    with torch.no_grad():
        layer.excite.weight.zero_()
        layer.excite.bias.zero_()  # all coefficients hardsigmoid(0) = 1/2: a plain ReLU
    features = torch.linspace(-2, 2, 32).view(1, 4, 2, 4)
    torch.testing.assert_close(layer([features])[0], features.relu())
    with torch.no_grad():
        layer.excite.bias.copy_(torch.tensor([3.0, 0.0, 0.0, 3.0]).repeat_interleave(4))
    (activated,) = layer([features])
    torch.testing.assert_close(activated, torch.maximum(2 * features, features * 0 + 0.5))


def test_levels_keep_their_shapes_and_read_their_neighbours_only() -> None:
    torch.manual_seed(1)
    layer = DynamicConv(16).eval()
    inputs = levels()
    outputs = layer(inputs)
    assert [tuple(out.shape) for out in outputs] == [(2, 16, *side) for side in SIDES]
    changed = [level + (2.0 if index == 2 else 0.0) for index, level in enumerate(inputs)]
    same = [a.equal(b) for a, b in zip(layer(changed), outputs, strict=True)]
    assert same == [True, False, False, False, True]


def test_each_level_has_its_own_activation() -> None:
    torch.manual_seed(1)
    layer = DyReLU(16)
    torch.nn.init.normal_(layer.excite.weight)
    together = layer(levels())
    for level, activated in zip(levels(), together, strict=True):
        torch.testing.assert_close(activated, layer([level])[0])


def test_offsets_are_in_full_precision_under_autocast() -> None:
    torch.manual_seed(1)
    layer = DynamicConv(16)
    torch.nn.init.normal_(layer.offset.weight, std=0.5)  # offsets of several pixels
    features = levels()[0]
    positions = layer.positions(features)
    assert positions[:, :18].abs().max() > 8
    with torch.autocast("cpu", torch.bfloat16):
        same = layer.positions(features)
        assert all(level.dtype == torch.float32 for level in layer(levels()))
    torch.testing.assert_close(same, positions, atol=1e-5, rtol=1e-6)


def test_the_form_of_a_gpu_computes_the_same() -> None:
    torch.manual_seed(1)
    layer = DynamicConv(32)
    torch.nn.init.normal_(layer.offset.weight, std=0.2)
    inputs = [torch.randn(2, 32, *side) for side in SIDES]
    expected = layer(inputs)
    with gpu_forms():
        torch.testing.assert_close(layer(inputs), expected, atol=1e-4, rtol=1e-4)


def test_a_branch_counts_between_half_and_whole() -> None:
    torch.manual_seed(1)
    layer = DynamicConv(16)
    torch.nn.init.normal_(layer.scale_attention.weight, std=3)
    pooled = torch.randn(13, 2, 16)
    weights = layer._scale_weights(pooled, [2, 3, 3, 3, 2])
    assert weights.shape == (13, 2, 1)
    whole = torch.cat([weights[:2] * 2, weights[2:11] * 3, weights[11:] * 2])
    assert whole.min() >= 0.5
    assert whole.max() <= 1
    assert whole.unique().numel() > 2
