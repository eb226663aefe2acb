"""Checks weights from a file: ordinary dense tensors under sensible names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from glip_pl.errors import UserError, shown

MAX_DIGITS = 3
"""Digits of the largest number of a layer in the name of a weight."""


def check_weights(weights: Mapping[Any, Any], path: Path) -> None:
    """Raise UserError unless all names are texts and all values are dense tensors of numbers."""
    for name, value in weights.items():
        fault = _fault_of_name(name) or _fault_of_value(value)
        if fault:
            raise UserError(f"{path} is no readable checkpoint: the weight {shown(name)} {fault}")


def _fault_of_name(name: Any) -> str | None:
    if not isinstance(name, str):
        return "is not named by a text"
    if any(part.isdecimal() and len(part) > MAX_DIGITS for part in name.split(".")):
        return "has the number of a layer that no model has"
    return None


def _fault_of_value(value: Any) -> str | None:
    if not isinstance(value, Tensor):
        return f"is no tensor but of the type {type(value).__name__}"
    if value.is_meta:
        return "has a shape but no values (a meta tensor)"
    if value.layout != torch.strided or value.is_quantized or value.is_complex():
        return f"is no dense tensor of real numbers ({value.layout}, {value.dtype})"
    if value.untyped_storage().nbytes() < value.numel() * value.element_size():
        return "claims more values than the file holds"
    return None


def non_finite(weights: Mapping[str, Tensor]) -> list[str]:
    """The names of the weights that hold NaN or infinite values."""
    return [
        name
        for name, value in weights.items()
        if value.is_floating_point() and not bool(value.float().isfinite().all())
    ]
