"""Plain forms compute what the fast forms do, and are used only inside their context."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch

from glip_pl.models.deform_conv import DeformConv, read_linearly
from glip_pl.models.plain_forms import gpu_forms, plain_forms, wants_plain
from scripts.benchmarking import random_batch, random_model


@pytest.mark.parametrize("name", ["glip_nano", pytest.param("glip_t", marks=pytest.mark.slow)])
@pytest.mark.parametrize("forms", [plain_forms, gpu_forms])
def test_a_model_computes_the_same(
    name: str, forms: Callable[[], AbstractContextManager[None]]
) -> None:
    torch.manual_seed(0)
    model = random_model(name, "cpu").eval()
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d) and module.out_channels == 27:
            torch.nn.init.normal_(module.weight, std=0.2)  # offsets of several pixels
    batch = random_batch(2, 96, 130, "cpu")
    inputs = batch.images, batch.sizes, batch.tokens, batch.attention_mask
    with torch.inference_mode():
        fast = model(*inputs)
        with forms():
            other = model(*inputs)
    for part in ("alignment", "deltas", "centerness"):
        expected, actual = getattr(fast, part), getattr(other, part)
        torch.testing.assert_close(actual, expected, atol=2e-4, rtol=1e-4)
        assert not actual.equal(expected)  # else the same operations were compared


def test_offsets_of_a_larger_map_are_read_linearly_and_those_of_the_same_unchanged() -> None:
    buffer = torch.randn(2, 18, 6, 4)
    for size in ((3, 2), (6, 4)):
        expected = read_linearly(buffer, size)
        with plain_forms():
            assert read_linearly(buffer, size).equal(expected)


def test_outside_of_the_context_the_fast_forms_are_used() -> None:
    assert not wants_plain()
    with pytest.raises(RuntimeError, match="inside"), plain_forms():
        assert wants_plain()
        raise RuntimeError("inside")
    assert not wants_plain()
    layer = DeformConv(32, 2, 16)
    features, positions = torch.randn(1, 32, 6, 5), torch.randn(1, 27, 3, 3)
    before = layer(features, positions)
    with plain_forms():
        layer(features, positions)
    assert layer(features, positions).equal(before)
