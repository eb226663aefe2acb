"""Between two trainings: `python -m glip_pl.interpolate before=... after=... data=...`."""

import json
import os
from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, open_dict
from rich.console import Console
from rich.table import Table

from glip_pl.checkpoints.interpolation import interpolated
from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.writing import write_weights
from glip_pl.errors import UserError
from glip_pl.evaluate import evaluate
from glip_pl.inspection.charts import lines
from glip_pl.running.cli import command
from glip_pl.running.runs import find_checkpoint


def interpolate(config: DictConfig) -> None:
    """Test (1 - share) x before + share x after on every test set, for every share; draw the curve.

    A share in the middle often keeps what a fine-tuned model could do before (Wortsman et al.
    2022). With `out` the weights of one share are written instead. Raises UserError.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("interpolate is one process's work: start it without torchrun")
    runs = Path(config.paths.runs)
    before, after = (find_checkpoint(config[side], runs) for side in ("before", "after"))
    old, new = read_checkpoint(before), read_checkpoint(after)
    shares = [float(share) for share in config.shares]
    if config.out is not None:
        if len(shares) != 1 or Path(config.out).suffix != ".safetensors":
            raise UserError("out=<file>.safetensors writes the weights of one share: shares=[0.5]")
        write_weights(interpolated(old, new, shares[0]), new.config, Path(config.out).expanduser())
        print(f"weights: {config.out}")
        return
    folder = Path(config.paths.output)
    figures: dict[float, dict[str, float]] = {}
    for share in shares:
        here = folder / f"{share:g}"
        weights = here / "weights.safetensors"
        write_weights(interpolated(old, new, share), new.config, weights)
        evaluate(_settings(config, weights, here))
        weights.unlink()  # out= makes it again
        content: Any = json.loads((here / "results.json").read_text())
        figures[share] = {
            name: _figure(name, one["figures"], config.figure)
            for name, one in content["sets"].items()
        }
    names = list(figures[shares[0]])
    table = Table("share of after", *(f"{name} {config.figure}" for name in names))
    for share, found in figures.items():
        table.add_row(f"{share:g}", *(f"{100 * found[name]:.1f}" for name in names))
    Console().print(table)
    (folder / "curve.json").write_text(json.dumps(figures, indent=1))
    curves = {name: [100 * found[name] for found in figures.values()] for name in names}
    lines(curves, [f"{share:g}" for share in shares], "share of after", config.figure).savefig(
        folder / "curve.png"
    )
    print(f"curve: {folder}/curve.json and curve.png")


def _figure(name: str, figures: Mapping[str, float | None], figure: str) -> float:
    """One figure of a set; nan if there was nothing to find. Raises UserError if it has none."""
    if figure not in figures:
        overall = ", ".join(key for key in figures if "/" not in key)
        raise UserError(f"the set {name} has no figure={figure}; it has: {overall}")
    value = figures[figure]
    return nan if value is None else float(value)


def _settings(config: DictConfig, weights: Path, folder: Path) -> DictConfig:
    settings = config.copy()
    with open_dict(settings):
        settings.ckpt = str(weights)
        settings.paths.output = str(folder)
        # Files are made and read between evaluations, which several processes would do at once.
        settings.trainer.update(devices=1, num_nodes=1, strategy="auto")
    return settings


main = command("interpolate")(interpolate)

if __name__ == "__main__":
    main()
