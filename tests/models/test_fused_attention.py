import pytest
import torch

from glip_pl.models.bi_attention import BiAttention
from glip_pl.models.fused_attention import available, fused_attention, reference
from glip_pl.models.plain_forms import gpu_forms
from tests.models.kernels.inputs import attention_inputs

pytest.importorskip("triton", reason="the form of a GPU needs it")


def test_one_operation_in_value_and_gradient() -> None:
    pixels, keys, bias, values, seeds = attention_inputs(70, 37)
    leaves = [tensor.requires_grad_() for tensor in (pixels, keys, bias, values)]
    ours = fused_attention(pixels, keys, bias, values, 0.0)
    expected = reference(pixels, keys, bias, values, seeds, 0.0)[:3]
    torch.testing.assert_close(ours, expected)
    gradients = [
        torch.autograd.grad([part.square().sum() for part in parts], leaves)
        for parts in (ours, expected)
    ]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


def test_dropout_differs_from_call_to_call_and_follows_the_seed() -> None:
    pixels, keys, bias, values, _ = attention_inputs(20, 5)
    calls = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        calls.append(fused_attention(pixels, keys, bias, values, 0.5)[0])
    assert calls[0].equal(calls[2])
    assert not calls[0].equal(calls[1])


def test_the_layer_computes_the_same_by_the_form_of_a_gpu() -> None:
    torch.manual_seed(0)
    layer = BiAttention(16, 24, 32, 4, 0.0)
    torch.nn.init.normal_(layer.text_out.weight)
    image, text = torch.randn(2, 40, 16), torch.randn(2, 7, 24)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 5:] = False
    results = []
    for form in (torch.no_grad, gpu_forms):
        with form():
            update, words = layer(image, text, mask)
        results.append((update, words[mask]))
    torch.testing.assert_close(results[0], results[1], atol=1e-5, rtol=1e-4)


def test_kernels_are_for_sixteen_bits_on_a_gpu() -> None:
    gpu = torch.device("cuda")
    assert available(gpu, torch.bfloat16)
    assert not available(gpu, torch.float32)
    assert not available(gpu, torch.float64)
