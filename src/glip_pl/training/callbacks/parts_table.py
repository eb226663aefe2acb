"""The table at the start of training: which parts of the model train, and at which rates."""

import pytorch_lightning as pl
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console
from rich.table import Table
from torch import nn


class PartsTable(pl.Callback):
    """Prints a row for each top-level part of the model before the first step."""

    @rank_zero_only
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the table."""
        model: nn.Module = pl_module.model  # type: ignore[assignment]  # GroundingModule's
        rates = {
            id(parameter): group.get("initial_lr", group["lr"])
            for group in trainer.optimizers[0].param_groups
            for parameter in group["params"]
        }
        Console().print(parts_table(model, rates))


def parts_table(model: nn.Module, rates: dict[int, float]) -> Table:
    """Parameters, trainable parameters and learning rates (by parameter id) of every part."""
    table = Table(title="What trains")
    for name in ("part", "parameters", "trainable", "learning rate"):
        table.add_column(name, justify="left" if name == "part" else "right")
    totals = [0, 0]
    for name, part in model.named_children():
        parameters = list(part.parameters())
        count = sum(parameter.numel() for parameter in parameters)
        trainable = sum(p.numel() for p in parameters if p.requires_grad)
        part_rates = sorted({rates[id(p)] for p in parameters if id(p) in rates})
        shown = " / ".join(f"{rate:g}" for rate in part_rates) if part_rates else "frozen"
        table.add_row(name, f"{count:,}", f"{trainable:,}", shown)
        totals = [totals[0] + count, totals[1] + trainable]
    table.add_section()
    table.add_row("all", *(f"{total:,}" for total in totals), "")
    return table
