import torch

from glip_pl.models.dynamic_head import DynamicConv, DyReLU, hard_sigmoid

SIDES = [(8, 12), (4, 6), (2, 3), (1, 2), (1, 1)]


def levels() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, 16, *side) for side in SIDES]


def test_hard_sigmoid_is_linear_between_its_limits() -> None:
    out = hard_sigmoid(torch.tensor([-4.0, -3.0, 0.0, 1.5, 3.0, 9.0]))
    torch.testing.assert_close(out, torch.tensor([0.0, 0.0, 0.5, 0.75, 1.0, 1.0]))


def test_dyrelu_is_the_larger_of_two_linear_functions() -> None:
    """With zero weights the biases alone give the coefficients, alike for all images."""
    layer = DyReLU(4)
    with torch.no_grad():
        layer.excite.weight.zero_()
        layer.excite.bias.zero_()  # all coefficients hard_sigmoid(0) = 1/2: a plain ReLU
    features = torch.linspace(-2, 2, 32).view(1, 4, 2, 4)
    torch.testing.assert_close(layer(features), features.relu())
    with torch.no_grad():
        layer.excite.bias.copy_(torch.tensor([3.0, 0.0, 0.0, 3.0]).repeat_interleave(4))
    torch.testing.assert_close(layer(features), torch.maximum(2 * features, features * 0 + 0.5))


def test_levels_keep_their_shapes_and_read_their_neighbours_only() -> None:
    torch.manual_seed(1)
    layer = DynamicConv(16).eval()
    inputs = levels()
    outputs = layer(inputs)
    assert [tuple(out.shape) for out in outputs] == [(2, 16, *side) for side in SIDES]
    changed = [level + (2.0 if index == 2 else 0.0) for index, level in enumerate(inputs)]
    same = [a.equal(b) for a, b in zip(layer(changed), outputs, strict=True)]
    assert same == [True, False, False, False, True]


def test_a_branch_counts_between_half_and_whole() -> None:
    torch.manual_seed(1)
    layer = DynamicConv(16)
    torch.nn.init.normal_(layer.scale_attention.weight, std=3)
    weights = torch.stack([layer._scale_weight(level) for level in levels()])
    assert weights.shape == (5, 2, 1, 1, 1)
    assert weights.min() >= 0.5
    assert weights.max() <= 1
    assert weights.unique().numel() > 2
