"""Weights between two checkpoints of one model (WiSE-FT, Wortsman et al. 2022)."""

from torch import Tensor

from glip_pl.checkpoints.reading import Checkpoint
from glip_pl.errors import UserError


def interpolated(old: Checkpoint, new: Checkpoint, share: float) -> dict[str, Tensor]:
    """(1 - share) x old + share x new weights; integers are taken from `new`.

    Raises UserError if the checkpoints are of different models.
    """
    if set(old.weights) != set(new.weights) or any(
        old.weights[name].shape != value.shape for name, value in new.weights.items()
    ):
        raise UserError("the two checkpoints are of different models and cannot be averaged")
    return {
        name: old.weights[name].lerp(value, share) if value.is_floating_point() else value
        for name, value in new.weights.items()
    }
