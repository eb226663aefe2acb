"""Attention between pixels and words as one operation, which never writes its logits.

On CUDA, Triton kernels compute it (models/kernels); elsewhere the equations, as their reference.
Neither keeps more for the backward pass than its inputs, its results and a number per head and
pixel or word.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

SLOTS = 5
"""Results of the operation: update, pooled, total, and logsumexp over words and over pixels."""


def available(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether attention of this type can be computed in one operation on a device.

    Kernels use the tensor cores for 16 bits; whole products are faster in float32.
    """
    short = dtype in (torch.float16, torch.bfloat16)
    return find_spec("triton") is not None and (short or device.type == "cpu")


def _weights(
    pixels: Tensor, keys: Tensor, bias: Tensor, seeds: Tensor, dropout: float
) -> tuple[Tensor, Tensor, tuple[Tensor | float, Tensor | float]]:
    """Products and logits (B, N, H, T), and what dropout multiplies the two softmaxes by."""
    raw = torch.einsum("bnc,bhtc->bnht", pixels, keys)
    if not dropout:
        return raw, raw + bias[:, None], (1.0, 1.0)
    from glip_pl.models.kernels.dropout import kept_elements  # on machines with Triton only

    numbers = torch.arange(raw.numel(), device=raw.device).view_as(raw)
    first, second = (kept_elements(numbers, seed, dropout) / (1 - dropout) for seed in seeds)
    return raw, raw + bias[:, None], (first, second)


def reference(
    pixels: Tensor, keys: Tensor, bias: Tensor, values: Tensor, seeds: Tensor, dropout: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The equations of the forward pass: see `fused_attention`; and both logsumexp."""
    x, k, v = pixels.float(), keys.float(), values.float()
    raw, logits, (first, second) = _weights(x, k, bias, seeds, dropout)
    over_pixels = raw.softmax(1) * second
    update = torch.einsum("bnht,bhtc->bnc", logits.softmax(-1) * first, v).to(pixels.dtype)
    pooled = torch.einsum("bnht,bnc->bhtc", over_pixels, x)
    lse = logits.logsumexp(-1).mT.contiguous()
    return update, pooled, over_pixels.sum(1), lse, raw.logsumexp(1)


def reference_backward(
    inputs: Sequence[Tensor], gradients: Sequence[Tensor], dropout: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of pixels, keys, bias and values, given those of update, pooled and total."""
    x, k, bias, v = (tensor.float() for tensor in inputs[:4])
    d_update, d_pooled, d_total = (gradient.float() for gradient in gradients)
    raw, logits, (first, second) = _weights(x, k, bias, inputs[4], dropout)
    over_words, over_pixels = logits.softmax(-1), raw.softmax(1)
    d_words = torch.einsum("bnc,bhtc->bnht", d_update, v) * first
    d_pixels = (torch.einsum("bnc,bhtc->bnht", x, d_pooled) + d_total[:, None]) * second
    d_logits = over_words * (d_words - (over_words * d_words).sum(-1, keepdim=True))
    d_logits += over_pixels * (d_pixels - (over_pixels * d_pixels).sum(1, keepdim=True))
    dx = torch.einsum("bnht,bhtc->bnc", d_logits, k)
    dx += torch.einsum("bnht,bhtc->bnc", over_pixels * second, d_pooled)
    dk = torch.einsum("bnht,bnc->bhtc", d_logits, x)
    dv = torch.einsum("bnht,bnc->bhtc", over_words * first, d_update)
    pixels, keys, _, values = inputs[:4]
    return dx.to(pixels.dtype), dk.to(keys.dtype), d_logits.sum(1), dv.to(values.dtype)


@torch.library.custom_op("glip_pl::bi_attention", mutates_args=())
def _attend(
    pixels: Tensor, keys: Tensor, bias: Tensor, values: Tensor, seeds: Tensor, dropout: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    if not pixels.is_cuda:
        return reference(pixels, keys, bias, values, seeds, dropout)
    from glip_pl.models.kernels.launching import attend

    return attend(pixels, keys, bias, values, seeds, dropout)


@_attend.register_fake
def _(
    pixels: Tensor, keys: Tensor, bias: Tensor, values: Tensor, seeds: Tensor, dropout: float
) -> tuple[Tensor, ...]:
    pooled = torch.empty_like(keys, dtype=torch.float32)
    over_words = bias.new_empty(len(pixels), keys.shape[1], pixels.shape[1])
    return (
        *(torch.empty_like(pixels), pooled, torch.empty_like(bias)),
        *(over_words, torch.empty_like(bias)),
    )


@torch.library.custom_op("glip_pl::bi_attention_backward", mutates_args=())
def _attend_backward(
    inputs: list[Tensor], results: list[Tensor], gradients: list[Tensor], dropout: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    if not inputs[0].is_cuda:
        return reference_backward(inputs, gradients, dropout)
    from glip_pl.models.kernels.launching import attend_backward

    return attend_backward(tuple(inputs), tuple(results), tuple(gradients), dropout)


@_attend_backward.register_fake
def _(
    inputs: list[Tensor], results: list[Tensor], gradients: list[Tensor], dropout: float
) -> tuple[Tensor, ...]:
    return tuple(torch.empty_like(tensor) for tensor in inputs[:4])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.dropout = inputs
    ctx.save_for_backward(*tensors, *output[1:])
    ctx.mark_non_differentiable(*output[3:])


def _backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
    saved = ctx.saved_tensors
    given = [gradient.contiguous() for gradient in gradients[:3]]
    found = _attend_backward(list(saved[:SLOTS]), list(saved[SLOTS:]), given, ctx.dropout)
    return *found, None, None


_attend.register_autograd(_backward, setup_context=_keep)


def fused_attention(
    pixels: Tensor, keys: Tensor, bias: Tensor, values: Tensor, dropout: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Update of pixels (B, N, C), pooled pixels (B, H, T, C) and total weights (B, H, T).

    From pixels (B, N, C), keys and values (B, H, T, C) in the type of the products, and float32
    bias (B, H, T), of words. The logit of a pixel and a word in a head is the product of pixel and
    key, plus bias. The update is the sum over heads of values weighted by the softmax over words;
    pooled are pixels weighted by the softmax over pixels; total is the sum of these weights, one
    but for dropout.
    """
    from glip_pl.models.kernels.dropout import new_seeds

    tensors = (tensor.contiguous() for tensor in (pixels, keys, bias, values))
    update, pooled, total, *_ = _attend(*tensors, new_seeds(pixels.device), dropout)
    return update, pooled, total
