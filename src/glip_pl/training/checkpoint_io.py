"""How Lightning's checkpoints are written and read: whole, and without running code from them."""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import Tensor

from glip_pl.checkpoints.reading import load_entries
from glip_pl.errors import UserError
from glip_pl.files.writing import write_whole

LAST = "last.ckpt"
"""The checkpoint from which an interrupted run is continued."""

BEFORE_LAST = "before_last.ckpt"
"""The one that LAST replaced; a run is continued from it if LAST is damaged."""


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and replaces it, from a copy, while the training goes on.

    Lightning's own way goes through TMPDIR: where that is on another file system, a kill or a full
    disk would leave a cut file in place of the previous checkpoint.
    """

    def __init__(self) -> None:
        self.writing: Thread | None = None
        self.error: Exception | None = None  # of the last writing

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Begin to write a checkpoint; the next save, reading, or the end waits for it.

        Raises UserError if the writing before has failed. The previous file stays then.
        """
        self.wait()
        content = on_cpu(checkpoint)  # the next step changes what it holds
        self.writing = Thread(target=self._write, args=(content, Path(path)), name="checkpoint")
        self.writing.start()

    def _write(self, content: dict[str, Any], path: Path) -> None:
        """Write a checkpoint; an error is kept for the thread that waits."""
        kept = path.with_name(BEFORE_LAST) if path.name == LAST else None
        try:
            with write_whole(path, kept) as partial:
                torch.save(content, partial)
        except (OSError, RuntimeError) as error:  # RuntimeError: torch, on a full disk
            self.error = UserError(
                f"cannot write the checkpoint {path}: {error}. Free some space, or choose another "
                "folder (paths.output or hydra.run.dir); an older checkpoint there is still whole"
            )
            self.error.__cause__ = error
        except Exception as error:  # what cannot be pickled
            self.error = error

    def wait(self) -> None:
        """Wait until the last checkpoint is written. Raises UserError if that has failed."""
        if self.writing is not None:
            self.writing.join()
            self.writing = None
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint to the CPU. Raises UserError if it is broken or would run code."""
        self.wait()
        return load_entries(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint."""
        self.wait()
        super().remove_checkpoint(path)

    def teardown(self) -> None:
        """Wait at the end of a training, a stop or an error. Raises UserError as `wait`."""
        self.wait()


def on_cpu(content: dict[str, Any]) -> dict[str, Any]:
    """A copy of nested data that shares nothing with it, with all tensors in main memory."""
    copies: dict[tuple[Any, ...], Tensor] = {}  # views of the same values stay the same
    known: dict[int, Any] = {}  # copies by the identity of what they are of, as `copy` keeps them
    for tensor in _tensors(content):
        same = (tensor.data_ptr(), tensor.device, tensor.dtype, tensor.shape, tensor.stride())
        if same not in copies:
            copies[same] = tensor.detach().to("cpu", copy=True)
        known[id(tensor)] = copies[same]
    return copy.deepcopy(content, known)


def _tensors(content: Any) -> Iterator[Tensor]:
    """All tensors in nested dictionaries, lists and tuples."""
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _tensors(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _tensors(value)
