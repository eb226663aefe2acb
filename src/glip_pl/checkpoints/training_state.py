"""Checks that a checkpoint holds the state of a training, from which it can be resumed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glip_pl.checkpoints.weights import check_weights
from glip_pl.errors import UserError, some

ENTRIES: dict[str, type] = {
    "pytorch-lightning_version": str,
    "epoch": int,
    "global_step": int,
    "state_dict": Mapping,
    "loops": Mapping,
    "callbacks": Mapping,
    "optimizer_states": list,
    "lr_schedulers": list,
}
"""What Lightning restores, and its types."""


def check_training_state(entries: Mapping[str, Any], path: Path) -> None:
    """Raise UserError unless the entries of a checkpoint are those of a training."""
    missing = [name for name, kind in ENTRIES.items() if not isinstance(entries.get(name), kind)]
    loops = entries.get("loops")
    if not (isinstance(loops, Mapping) and loops.get("fit_loop")):  # counters start at 0 without it
        missing.append("loops.fit_loop")
    if missing:
        raise UserError(
            f"{path} cannot be resumed: it lacks the state of a training ({some(missing)}). Start "
            "a new training from its weights: ckpt=... without resume"
        )
    check_weights(entries["state_dict"], path)
