"""The arithmetic of autocast on a GPU for tensors without storage, where there is no GPU.

Autocast on a CPU has other lists, and computes fused attention by other operations.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

IN_FLOAT32: frozenset[Callable[..., Any]] = frozenset(
    getattr(owner, name)
    for owner, names in (
        (F, "binary_cross_entropy_with_logits group_norm layer_norm log_softmax normalize softmax"),
        (torch, "cumsum exp log_softmax norm pow prod reciprocal rsqrt softmax sum"),
        (Tensor, "cumsum exp log_softmax norm pow prod reciprocal rsqrt softmax sum"),
    )
    for name in names.split()
)
"""What autocast computes in float32 on CUDA, and not on a CPU."""


@torch.library.custom_op("counting::attention", mutates_args=())
def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Attention of shapes only."""
    return torch.empty_like(query)


@torch.library.custom_op("counting::attention_backward", mutates_args=())
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


class CudaPolicy(TorchFunctionMode):
    """Applies CUDA's list of float32 operations where autocast of the CPU is active."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return gpu_attention(*args, **kwargs)
        if func is F.dropout:
            return _dropout(*args, **kwargs)
        if func in IN_FLOAT32 and torch.is_autocast_enabled("cpu"):
            args = tuple(_raised(value) for value in args)
            kwargs = {name: _raised(value) for name, value in kwargs.items()}
        return func(*args, **kwargs)


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout by one kernel, as on a GPU; no model here computes it in place."""
    return torch.native_dropout(input, p, training)[0] if training and p else input


def _raised(value: Any) -> Any:
    if isinstance(value, Tensor) and value.dtype == torch.bfloat16:
        return value.float()
    return value


@contextmanager
def cuda_arithmetic(bf16: bool) -> Iterator[None]:
    """Inside, operations have the types that they have on a GPU, under autocast if `bf16`."""
    with CudaPolicy(), torch.autocast("cpu", torch.bfloat16, bf16, cache_enabled=False):
        yield
