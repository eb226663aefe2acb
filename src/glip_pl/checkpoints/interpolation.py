"""Weights between two checkpoints of one model (WiSE-FT, Wortsman et al. 2022)."""

from torch import Tensor

from glip_pl.checkpoints.reading import Checkpoint
from glip_pl.errors import UserError


def interpolated(old: Checkpoint, new: Checkpoint, share: float) -> dict[str, Tensor]:
    """(1 - share) x old + share x new weights, in the types of `new`, whose integers are kept.

    Raises UserError if the checkpoints are of different models.
    """
    if set(old.weights) != set(new.weights) or any(
        old.weights[name].shape != value.shape for name, value in new.weights.items()
    ):
        raise UserError("the two checkpoints are of different models and cannot be averaged")
    return {
        name: _between(old.weights[name], value, share)
        if value.is_floating_point()
        else value.clone()  # tensors of a file may share their memory, which safetensors refuses
        for name, value in new.weights.items()
    }


def _between(old: Tensor, new: Tensor, share: float) -> Tensor:
    """The weighted mean of two tensors, computed in single precision."""
    return old.float().lerp(new.float(), share).to(new.dtype)
