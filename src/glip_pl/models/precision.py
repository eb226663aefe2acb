"""What is computed in full precision wherever the rest of a model is in bf16.

Eight bits of mantissa are too few for positions: an offset of 4 to 8 pixels would be rounded to
1/64 of a pixel. Full precision is float32 at least, and float64 in a model of float64.
"""

from contextlib import AbstractContextManager

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor itself if it is float32 or float64, else its values in float32."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def without_autocast(tensor: Tensor) -> AbstractContextManager[None]:
    """Where operations on the device of this tensor have the types of their inputs."""
    return torch.autocast(tensor.device.type, enabled=False)


def product_type(tensor: Tensor) -> torch.dtype:
    """The type of products with this tensor: that of autocast, or its own."""
    kind = tensor.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else tensor.dtype
