"""The deterministic weights that every recorded run used: a pure function of name and shape.

A standard normal tensor, drawn in float32 from a generator seeded with the CRC-32 of the official
key, is scaled by what the key is of. The gains keep random transformer layers from collapsing all
words onto one vector, and give the heads outputs of useful size.
"""

import math
import zlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

GAINS = {
    "output.dense.weight": 0.25,
    "query.weight": 2.0,
    "key.weight": 2.0,
    "offset.weight": 0.5,
    "bbox_pred.weight": 5.0,
    "centerness.weight": 5.0,
    "dot_product_projection_text.weight": 3.0,
}
"""Factors of matrices and kernels by the end of their key; others have 1."""

MEAN_AND_DEVIATION = {
    "log_scale": (-2.5, 0.05),
    "bias0": (-4.0, 0.05),
    "bias_lang": (0.0, 0.5),
    "gamma_v": (0.2, 0.05),
    "gamma_l": (0.2, 0.05),
    "scale": (1.0, 0.1),
}
"""Single parameters by their last name."""


def tensor_for(key: str, shape: Sequence[int]) -> Tensor:
    """The weight of an official key."""
    generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    normal = torch.randn(tuple(shape), generator=generator, dtype=torch.float32)
    last = key.rpartition(".")[2]
    if last in MEAN_AND_DEVIATION:
        mean, deviation = MEAN_AND_DEVIATION[last]
        return mean + deviation * normal
    if normal.ndim >= 2:
        gain = next((gain for suffix, gain in GAINS.items() if key.endswith(suffix)), 1.0)
        return gain * normal / math.sqrt(math.prod(shape[1:]))
    return 1 + 0.1 * normal if last == "weight" else 0.02 * normal


def filled(keys: Mapping[str, tuple[Sequence[int], str]]) -> dict[str, Tensor]:
    """Weights of all keys of keys_*.json but the structural ones, which the program computes."""
    return {
        key: tensor_for(key, shape)
        for key, (shape, kind) in keys.items()
        if kind.startswith("float") and ".cell_anchors." not in key
    }
