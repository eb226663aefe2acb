"""The paper's ablation on ShapesWorld: the value of fusion, grounding data and self-training.

    python -m scripts.ablation

Trains A (detection data, no fusion), B (with fusion), C (and captions with boxes) and T (and web
pairs with boxes by C) with three seeds, all for the same number of steps. They are compared on
pairs of colour and shape that training pictures show rarely (rare) or never (unseen). Type the same
command again to finish an interrupted ablation.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from glip_pl.inspection.charts import line_plot
from glip_pl.inspection.sweeps import spread

MODELS = {
    "a": "A: detection, no fusion",
    "b": "B: + fusion",
    "c": "C: + grounding data",
    "t": "T: + boxed web pairs",
}
SETS = ("rare", "unseen", "seen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=Path("runs/ablation"))
    options, overrides = parser.parse_known_args()
    figures: dict[str, list[dict[str, float]]] = {model: [] for model in MODELS}
    for seed in options.seeds:
        for model in MODELS:
            folder = options.output / f"seed_{seed}" / model
            results = _results(folder, model)
            if not results.is_file():
                _train(model, seed, folder, overrides)
            sets: Any = json.loads(results.read_text())["sets"]
            figures[model].append({name: 100 * sets[name]["figures"]["AP"] for name in SETS})
            _report(figures, options.output)


def _results(folder: Path, model: str) -> Path:
    return (folder / "round_1" if model == "t" else folder) / "results.json"


def _train(model: str, seed: int, folder: Path, overrides: Sequence[str]) -> None:
    settings = [f"experiment=shapes_{model}", f"seed={seed}", f"hydra.run.dir={folder}", *overrides]
    command = "train"
    if model == "t":
        command = "self_train"
        settings.append(f"teacher={folder.parent}/c/checkpoints/last.ckpt")
    else:
        last = folder / "checkpoints" / "last.ckpt"
        settings += [f"resume={last}"] if last.is_file() else []
    print(f"== {MODELS[model]}, seed {seed}", flush=True)
    subprocess.run([sys.executable, "-m", f"glip_pl.{command}", *settings], check=True)


def _report(figures: dict[str, list[dict[str, float]]], output: Path) -> None:
    """Write and print mean and standard deviation over the seeds that are finished."""
    rows = [f"| model | {' | '.join(f'{name} AP' for name in SETS)} | seeds |"]
    rows.append("| --- " * (len(SETS) + 2) + "|")
    for model, runs in figures.items():
        if runs:
            cells = [spread([run[name] for run in runs]) for name in SETS]
            rows.append(f"| {MODELS[model]} | {' | '.join(cells)} | {len(runs)} |")
    table = "\n".join(rows)
    (output / "table.md").write_text(table + "\n")
    (output / "figures.json").write_text(json.dumps(figures, indent=1))
    _plot(figures, output / "ablation.png")
    print(table, flush=True)


def _plot(figures: dict[str, list[dict[str, float]]], path: Path) -> None:
    done = {model: runs for model, runs in figures.items() if runs}
    spreads = {
        name: [stdev(run[name] for run in runs) if len(runs) > 1 else 0.0 for runs in done.values()]
        for name in SETS[:2]
    }
    heights = {
        name: [mean(run[name] for run in runs) for runs in done.values()] for name in SETS[:2]
    }
    names = [MODELS[model].replace(": ", "\n") for model in done]
    line_plot(heights, names, "", "AP of pairs of colour and shape", spreads).savefig(path)


if __name__ == "__main__":
    main()
