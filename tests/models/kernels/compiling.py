"""Compiles the kernels for a GPU that need not be there; prints each one's shared memory.

TRITON_INTERPRET=0 python -m tests.models.kernels.compiling 90
"""

import sys
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from glip_pl.models.kernels import (
    bi_attention,
    bi_attention_backward,
    convolving,
    deform_conv,
    deform_conv_backward,
    mixing,
)
from glip_pl.models.kernels.launching import PIXELS, WORDS, Tiles

TYPES = {"seeds": "*i64", "threshold": "i64", "scale": "fp32"} | dict.fromkeys(
    (
        *("n", "t", "height", "width", "area0", "area1", "area2", "first", "second"),
        *("places", "channels", "batch"),
    ),
    "i32",
)
FLOAT32 = {
    *("bias", "pooled", "kept_total", "lse", "lse_pixels", "lse_words", "delta_pixels"),
    *("delta_words", "d_total", "d_bias", "p0", "p1", "p2", "o0", "o1", "o2", "out"),
    *("x0", "x1", "x2", "d0", "d1", "d2", "weights", "lines", "gradient", "d_weights", "d_lines"),
    *("d_features", "d_weight", "d_bias"),
}
"""Tensors in float32; all others are in bf16."""


def attending(tiles: Tiles) -> dict[str, Any]:
    """Constants of attention in the released models."""
    return {
        **{"HEADS": 8, "C": 256, "WIDTH": 256, "DROPS": True},
        **{"BN": tiles.pixels, "BT": tiles.words},
    }


CONVOLVING = {
    **{"C": 256, "OUT": 256, "WIDTH": 256},
    **{"CHUNK": convolving.CHANNELS, "BP": convolving.PLACES},
}
MIXING = {"MAPS": 3, "BP": mixing.PLACES, "BC": mixing.CHANNELS}
KERNELS: list[tuple[Any, dict[str, Any]]] = [
    (bi_attention.words_of_pixels, attending(PIXELS)),
    (bi_attention.pixels_of_words, attending(WORDS)),
    (bi_attention_backward.sums_of_pixels, attending(PIXELS)),
    (bi_attention_backward.gradients_of_pixels, attending(PIXELS)),
    (bi_attention_backward.gradients_of_words, attending(WORDS)),
    (deform_conv.convolve, CONVOLVING),
    (deform_conv_backward.gradients_of_samples, CONVOLVING),
    (deform_conv_backward.gradient_of_weight, CONVOLVING),
    (mixing.mix, MIXING),
    (mixing.mix_backward, MIXING),
]


def shared_memory(kernel: Any, constants: dict[str, Any], capability: int) -> int:
    """Bytes that a program of a compiled kernel needs, for the released models' sizes."""
    signature = {
        name: "constexpr" if name in constants
        else TYPES.get(name, "*fp32" if name in FLOAT32 else "*bf16")
        for name in kernel.arg_names
    }  # fmt: skip
    compiled = triton.compile(
        ASTSource(kernel, signature, constexprs=constants),
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": convolving.WARPS, "num_stages": 1},
    )
    return int(compiled.metadata.shared)


if __name__ == "__main__":
    for kernel, constants in KERNELS:
        print(kernel.__name__, shared_memory(kernel, constants, int(sys.argv[1])))
