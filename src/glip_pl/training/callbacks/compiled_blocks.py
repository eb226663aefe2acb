"""Compiles the blocks of a model before it is trained."""

import pytorch_lightning as pl
from pytorch_lightning.accelerators.cpu import CPUAccelerator

from glip_pl.errors import UserError
from glip_pl.models.compiling import compile_blocks
from glip_pl.training.module import GroundingModule


class CompiledBlocks(pl.Callback):
    """Compiles the blocks when a training is set up (compile=blocks)."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Compile. Raises UserError on a CPU, whose forms work in chunks of varying number."""
        if stage != "fit":
            return
        if isinstance(trainer.accelerator, CPUAccelerator):
            raise UserError("compile=blocks makes a CPU slower: leave it out, or train on a GPU")
        assert isinstance(pl_module, GroundingModule)
        compile_blocks(pl_module.model)
