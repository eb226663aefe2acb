"""Low-rank updates of tuning=lora, which are added to the weights when a checkpoint is read."""

from collections.abc import Mapping

from torch import Tensor

from glip_pl.errors import UserError

BASE, DOWN, UP = ".base_layer.", ".lora_A.default.weight", ".lora_B.default.weight"
"""What peft puts into the names of a tuned layer's weights and of its two low-rank factors."""


def merged(weights: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Weights by the model's own names; a layer's update, `scale` x up x down, is added to it.

    Raises UserError if one of the two factors or the layer is missing, or if they do not fit.
    """
    plain = {
        name.replace(BASE, "."): value
        for name, value in weights.items()
        if not name.endswith((DOWN, UP))
    }
    layers = {
        name.removesuffix(suffix)
        for suffix in (DOWN, UP)
        for name in weights
        if name.endswith(suffix)
    }
    for layer in sorted(layers):
        key = f"{layer}.weight"
        plain[key] = _updated(layer, plain.get(key), weights, scale)
    return plain


def _updated(
    layer: str, weight: Tensor | None, weights: Mapping[str, Tensor], scale: float
) -> Tensor:
    """The weight of a layer plus its update."""
    down, up = weights.get(layer + DOWN), weights.get(layer + UP)
    if weight is None or down is None or up is None:
        raise UserError(
            f"the low-rank update of {layer} is incomplete: it needs {layer}.weight, "
            f"{layer}{DOWN} and {layer}{UP}"
        )
    if min(weight.dim(), down.dim(), up.dim()) < 2:
        raise UserError(f"the low-rank update of {layer} does not fit: its tensors are no matrices")
    down, up = down.flatten(1), up.flatten(1)
    if up.shape[1] != len(down) or (len(up), down.shape[1]) != weight.flatten(1).shape:
        raise UserError(
            f"the low-rank update of {layer} does not fit: {tuple(up.shape)} x "
            f"{tuple(down.shape)} for a weight of {tuple(weight.shape)}"
        )
    change = scale * (up @ down)
    return weight + change.view_as(weight)
