"""Compiles the kernels for a GPU that need not be there; prints each one's shared memory.

python -m tests.models.kernels.compiling 90
"""

import sys
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from glip_pl.models.kernels import bi_attention, bi_attention_backward
from glip_pl.models.kernels.launching import PIXELS, WORDS, Tiles

TYPES = {"seeds": "*i64", "threshold": "i64", "scale": "fp32", "n": "i32", "t": "i32"}
FLOAT32 = {"bias", "pooled", "kept_total", "lse", "lse_pixels", "lse_words"} | {
    *("delta_pixels", "delta_words", "d_total", "d_bias"),
}
KERNELS: list[tuple[Any, Tiles]] = [
    (bi_attention.words_of_pixels, PIXELS),
    (bi_attention.pixels_of_words, WORDS),
    (bi_attention_backward.sums_of_pixels, PIXELS),
    (bi_attention_backward.gradients_of_pixels, PIXELS),
    (bi_attention_backward.gradients_of_words, WORDS),
]


def shared_memory(kernel: Any, tiles: Tiles, capability: int) -> int:
    """Bytes that a program of a compiled kernel needs, for the released models' sizes."""
    constants = {
        **{"HEADS": 8, "C": 256, "WIDTH": 256, "DROPS": True},
        **{"BN": tiles.pixels, "BT": tiles.words},
    }
    signature = {
        name: "constexpr" if name in constants
        else TYPES.get(name, "*fp32" if name in FLOAT32 else "*bf16")
        for name in kernel.arg_names
    }  # fmt: skip
    compiled = triton.compile(
        ASTSource(kernel, signature, constexprs=constants),
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": tiles.warps, "num_stages": 1},
    )
    return int(compiled.metadata.shared)


if __name__ == "__main__":
    for kernel, tiles in KERNELS:
        print(kernel.__name__, shared_memory(kernel, tiles, int(sys.argv[1])))
