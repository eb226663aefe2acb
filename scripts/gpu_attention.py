"""The fused attention of a GPU as one operation without a result, for counting.

A CPU would compute `scaled_dot_product_attention` by other operations than a GPU does.
"""

from typing import Any

import torch
from torch import Tensor


@torch.library.custom_op("gpu_budget::attention", mutates_args=())
def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Attention of shapes only."""
    return torch.empty_like(query)


@torch.library.custom_op("gpu_budget::attention_backward", mutates_args=())
def attention_backward(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, out: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The three gradients, and that of a mask that is learned."""
    learned = torch.empty(0) if mask is None else torch.empty_like(mask)
    return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value), learned


@attention.register_fake
def _(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    return torch.empty_like(query)


@attention_backward.register_fake
def _(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, out: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    learned = query.new_empty(0) if mask is None else torch.empty_like(mask)
    return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value), learned


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    query, key, value, mask, out = ctx.saved_tensors
    *three, learned = attention_backward(query, key, value, mask, out, gradient)
    return *three, learned if ctx.needs_input_grad[3] else None


attention.register_autograd(_backward, setup_context=_keep)


def gpu_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`scaled_dot_product_attention` as autocast on a GPU calls it."""
    if torch.is_autocast_enabled("cpu"):
        query, key, value = (tensor.bfloat16() for tensor in (query, key, value))
    if attn_mask is not None and attn_mask.dtype != torch.bool:
        attn_mask = attn_mask.to(query.dtype)
    out: Tensor = attention(query, key, value, attn_mask)
    return out
