"""Dropout by a hash of each element's number, so that a backward pass draws the same again.

A generator's state would have to be stored or replayed; a mask of all weights would have to be
written. The hash is the finaliser of MurmurHash3, whose every input bit changes half of the output.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

WORD = 0xFFFFFFFF
"""Largest number of 32 bits."""


@triton.jit
def kept(numbers, seed, threshold):  # type: ignore[no-untyped-def]  # Triton's language
    """Whether each element is kept: its hash is below the threshold."""
    bits = numbers.to(tl.uint32) ^ seed.to(tl.uint32)
    bits = (bits ^ (bits >> 16)) * 0x85EBCA6B
    bits = (bits ^ (bits >> 13)) * 0xC2B2AE35
    return (bits ^ (bits >> 16)) < threshold.to(tl.uint32)


def threshold(dropout: float) -> int:
    """The hash below which an element is kept, for this probability of dropping it."""
    return min(round((1 - dropout) * 2**32), WORD)


def kept_elements(numbers: Tensor, seed: Tensor, dropout: float) -> Tensor:
    """The elements (of any shape, int64) that the kernels keep, computed by PyTorch."""
    bits = (numbers & WORD) ^ (seed & WORD)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = bits ^ (bits >> shift)
        low, high = factor & 0xFFFF, factor >> 16  # the whole product would exceed 63 bits
        bits = (bits * low + (((bits * high) & 0xFFFF) << 16)) & WORD
    return (bits ^ (bits >> 16)) < threshold(dropout)


def new_seeds(device: torch.device) -> Tensor:
    """Two random seeds, drawn on the device from PyTorch's generator: no host waits for them."""
    return torch.randint(1 << 31, (2,), device=device)
