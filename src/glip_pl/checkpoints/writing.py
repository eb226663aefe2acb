"""Writes weights alone, with the settings that rebuild their model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from glip_pl.checkpoints.reading import CONFIG_KEY
from glip_pl.errors import UserError, first_line
from glip_pl.files.leftovers import remove_leftovers
from glip_pl.files.writing import write_whole

LEFT = 60.0
"""Seconds after which an unfinished file that nothing was added to belongs to no living process."""


def write_weights(weights: Mapping[str, Tensor], config: dict[str, Any], path: Path) -> None:
    """Write weights and their model's settings as safetensors, whole or not at all.

    Raises UserError if the settings, which may be a stranger's, are more than JSON can hold.
    """
    try:
        settings = json.dumps(config)
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"cannot write {path}: the settings of its model, which come from a checkpoint, are "
            f"broken ({first_line(error)})"
        ) from error
    write_tensors(weights, {CONFIG_KEY: settings}, path)


def write_tensors(tensors: Mapping[str, Tensor], metadata: dict[str, str], path: Path) -> None:
    """Write tensors and metadata as safetensors, whole or not at all."""
    remove_leftovers(path, unchanged_for=LEFT)
    with write_whole(path) as partial:
        # The format requires contiguous tensors.
        save_file({name: value.contiguous() for name, value in tensors.items()}, partial, metadata)
