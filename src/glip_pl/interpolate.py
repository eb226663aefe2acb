"""Interpolate two checkpoints: `python -m glip_pl.interpolate before=... after=... data=...`.

A weighted mean of the weights before and after fine-tuning often keeps abilities of both models
(WiSE-FT, Wortsman et al. 2022).
"""

import json
import logging
import os
from collections.abc import Mapping
from math import nan
from pathlib import Path

from omegaconf import DictConfig, open_dict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from glip_pl.checkpoints.interpolation import interpolated
from glip_pl.checkpoints.reading import Checkpoint, read_checkpoint
from glip_pl.checkpoints.writing import write_weights
from glip_pl.errors import UserError
from glip_pl.evaluate import evaluate
from glip_pl.files.writing import write_json, write_whole
from glip_pl.inspection.budget_section import summary
from glip_pl.inspection.charts import line_plot
from glip_pl.running.build import RETENTION
from glip_pl.running.cli import command
from glip_pl.running.forgetting_budget import Point, choose_share
from glip_pl.running.outputs import check_file
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.within_budget import NEAREST, WITHIN

log = logging.getLogger(__name__)

Curve = Mapping[float, Mapping[str, float | None]]
"""Figures in 0..1 by share and name of the test set; None if it has no ground-truth boxes."""


def interpolate(config: DictConfig) -> None:
    """Evaluate (1 - share) x before + share x after on every test set, for every share.

    Prints a table, and writes the figures and their plot. With `out`, the weights of one share are
    written instead. With `forget_at_most`, validation chooses the share, whose weights are written
    and tested. Raises UserError if settings or checkpoints do not fit each other.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("interpolate runs in one process only: start it without torchrun")
    shares = [float(share) for share in config.shares]
    chooses = config.forget_at_most is not None
    out = None if config.out is None else _output(config.out, 1 if chooses else len(shares))
    runs = Path(config.paths.runs)
    paths = [find_checkpoint(config[side], runs, side) for side in ("before", "after")]
    before, after = (read_checkpoint(path) for path in paths)
    sizes = [side.config.get("eval_transform") for side in (before, after)]
    if sizes[0] != sizes[1]:
        log.warning(
            "images have the size of `after`, %s, and `before` was made for %s", *sizes[::-1]
        )
    folder = Path(config.paths.output)
    if chooses:
        _choose(config, before, after, folder, out or folder / WITHIN)
        return
    if out is not None:
        write_weights(interpolated(before, after, shares[0]), after.config, out)
        print(f"weights: {out}")
        return
    curve = {share: _evaluated(config, before, after, share, folder) for share in shares}
    _print_table(curve, config.figure)
    _write_curve(curve, config.figure, folder)


def _choose(
    config: DictConfig, before: Checkpoint, after: Checkpoint, folder: Path, out: Path
) -> None:
    """Choose a share on validation (`forget_at_most`), write its weights to `out` and test them."""
    validation = config.copy()
    with open_dict(validation):
        validation.data.test = config.data.get("val")
        validation.forget_at_most = None  # the pictures that choose, not those that test
    if not validation.data.test or not config.data.get("retention"):
        raise UserError(
            f"forget_at_most={config.forget_at_most} needs retention=<shapes or coco>, and data "
            "with a validation set (data.val), such as data=custom"
        )
    curve = {}

    def measure(share: float) -> Point:
        curve[share] = _evaluated(validation, before, after, share, folder / "validation")
        return _point(share, curve[share])

    choice = choose_share(measure, config.forget_at_most, [float(one) for one in config.shares])
    curve = dict(sorted(curve.items()))
    _print_table(curve, config.figure)
    _write_curve(curve, config.figure, folder)
    path = out if choice.possible else out.with_name(NEAREST)
    share = choice.chosen.share
    write_weights(interpolated(before, after, share), after.config, path)
    print(f"{summary(choice)}\nweights: {path}")
    tested = {end: _evaluated(config, before, after, end, folder) for end in {0.0, share, 1.0}}
    print("test:")
    _print_table(dict(sorted(tested.items())), config.figure)


def _point(share: float, figures: Mapping[str, float | None]) -> Point:
    """What a share reaches; the task is the mean of the sets that do not measure retention."""
    retention = {
        name: _percent(value) for name, value in figures.items() if name.startswith(RETENTION)
    }
    others = [value for name, value in figures.items() if name not in retention]
    known = [value for value in others if value is not None]
    return Point(share, 100 * sum(known) / len(known) if known else nan, retention)


def _output(out: str, shares: int) -> Path:
    """The file for the weights of the only share. Raises UserError if it cannot be one."""
    if shares != 1 or Path(out).suffix != ".safetensors":
        raise UserError("out=<file>.safetensors writes the weights of one share: shares=[0.5]")
    check_file(Path(out), "out")
    return Path(out)


def _evaluated(
    config: DictConfig, before: Checkpoint, after: Checkpoint, share: float, folder: Path
) -> dict[str, float | None]:
    """Evaluate the weights of one share in a folder below `folder`; returns each set's figure."""
    folder = folder / f"{share:g}"
    weights = folder / "weights.safetensors"
    write_weights(interpolated(before, after, share), after.config, weights)
    evaluate(_evaluation_settings(config, weights, folder))
    weights.unlink()  # large, and `out=` can write them again
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {
        name: _figure(name, result["figures"], config.figure)
        for name, result in results["sets"].items()
    }


def _figure(name: str, figures: Mapping[str, float | None], figure: str) -> float | None:
    """A figure of a test set. Raises UserError if the set has no such figure."""
    if figure not in figures:
        overall = ", ".join(key for key in figures if "/" not in key)
        raise UserError(f"the set {name} has no figure={figure}; it has: {overall}")
    return figures[figure]


def _evaluation_settings(config: DictConfig, weights: Path, folder: Path) -> DictConfig:
    """The settings of `evaluate` for a file of weights, with all output in a folder."""
    settings = config.copy()
    with open_dict(settings):
        settings.ckpt = str(weights)
        settings.paths.output = str(folder)
        # Files are written and read between evaluations, which several processes would do at once.
        settings.trainer.update(devices=1, num_nodes=1, strategy="auto")
    return settings


def _percent(value: float | None) -> float:
    return nan if value is None else 100 * value


def _print_table(curve: Curve, figure: str) -> None:
    """Print a row of percentages for each share, with a column for each test set."""
    names = list(next(iter(curve.values())))
    table = Table("share of after")
    for name in names:
        table.add_column(Text(f"{name} {figure}"))  # names may look like rich's markup
    for share, values in curve.items():
        table.add_row(f"{share:g}", *(f"{_percent(values[name]):.1f}" for name in names))
    Console().print(table)


def _write_curve(curve: Curve, figure: str, folder: Path) -> None:
    """Write curve.json, and curve.png with a line for each test set."""
    write_json(folder / "curve.json", curve)
    names = list(next(iter(curve.values())))
    lines = {name: [_percent(values[name]) for values in curve.values()] for name in names}
    shares = [f"{share:g}" for share in curve]
    plot = line_plot(lines, shares, "share of after", figure)
    with write_whole(folder / "curve.png") as partial:
        plot.savefig(partial, format="png")
    print(f"curve: {folder}/curve.json and curve.png")


main = command("interpolate", output="paths.output")(interpolate)

if __name__ == "__main__":
    main()
