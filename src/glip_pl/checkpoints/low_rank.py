"""Checkpoints of tuning=lora become plain weights when they are read."""

from collections.abc import Mapping

from torch import Tensor

BASE, DOWN, UP = ".base_layer.", ".lora_A.default.weight", ".lora_B.default.weight"


def merged(weights: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Weights by the model's own names, each with `scale` x up x down added where there is one."""
    plain = {
        name.replace(BASE, "."): value
        for name, value in weights.items()
        if not name.endswith((DOWN, UP))
    }
    for name, down in weights.items():
        if name.endswith(DOWN):
            layer = name.removesuffix(DOWN)
            up = weights[layer + UP]
            change = scale * (up.flatten(1) @ down.flatten(1))
            key = f"{layer}.weight"
            plain[key] = plain[key] + change.view_as(plain[key])
    return plain
