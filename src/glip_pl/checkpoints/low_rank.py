"""Low-rank updates of tuning=lora, which are added to the weights when a checkpoint is read."""

from collections.abc import Mapping

from torch import Tensor

BASE, DOWN, UP = ".base_layer.", ".lora_A.default.weight", ".lora_B.default.weight"
"""What peft puts into the names of a tuned layer's weights and of its two low-rank factors."""


def merged(weights: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Weights by the model's own names; a layer's update, `scale` x up x down, is added to it."""
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
