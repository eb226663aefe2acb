"""How Lightning's checkpoints are written and read: whole, and without running code from them."""

from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from glip_pl.checkpoints.reading import load_entries
from glip_pl.errors import UserError
from glip_pl.files.writing import write_whole
from glip_pl.training.interruption import WORKER_ENDED


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and replaces it; Lightning's way goes through TMPDIR.

    Where TMPDIR is on another file system, a kill or a full disk would leave a cut file in place of
    the previous checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint. Raises UserError if that fails; the previous file stays then."""
        try:
            with write_whole(Path(path)) as partial:
                torch.save(checkpoint, partial)
        except (OSError, RuntimeError) as error:  # RuntimeError: torch, on a full disk
            if str(error).startswith(WORKER_ENDED):
                raise
            raise UserError(
                f"cannot write the checkpoint {path}: {error}. Free some space, or choose another "
                "folder (paths.output or hydra.run.dir); an older checkpoint there is still whole"
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint to the CPU. Raises UserError if it is broken or would run code."""
        return load_entries(Path(path))
