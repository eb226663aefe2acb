"""The paper's ablation in small: what fusion, grounding data and self-training are worth.

    python -m scripts.ablation

Trains A (detection data, no fusion), B (fusion), C (captions with boxes too) and T (web pairs that
C has boxed too) with three seeds, each for as many steps, and compares them on pairs of colour and
shape that training shows seldom (rare) or never (unseen). The same command again does what is
missing.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from glip_pl.inspection.charts import lines
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
    given, more = parser.parse_known_args()
    figures: dict[str, list[dict[str, float]]] = {model: [] for model in MODELS}
    for seed in given.seeds:
        for model in MODELS:
            folder = given.output / f"seed_{seed}" / model
            results = _results(folder, model)
            if not results.is_file():
                _train(model, seed, folder, more)
            content: Any = json.loads(results.read_text())
            figures[model].append(
                {name: 100 * content["sets"][name]["figures"]["AP"] for name in SETS}
            )
            _report(figures, given.output)


def _results(folder: Path, model: str) -> Path:
    return (folder / "round_1" if model == "t" else folder) / "results.json"


def _train(model: str, seed: int, folder: Path, more: Sequence[str]) -> None:
    words = [f"experiment=shapes_{model}", f"seed={seed}", f"hydra.run.dir={folder}", *more]
    program = "train"
    if model == "t":
        program = "self_train"
        words.append(f"teacher={folder.parent}/c/checkpoints/last.ckpt")
    else:
        last = folder / "checkpoints" / "last.ckpt"
        words += [f"resume={last}"] if last.is_file() else []
    print(f"== {MODELS[model]}, seed {seed}", flush=True)
    subprocess.run([sys.executable, "-m", f"glip_pl.{program}", *words], check=True)


def _report(figures: dict[str, list[dict[str, float]]], output: Path) -> None:
    """Mean and deviation over the seeds that are there; each step's gain beside them."""
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
    lines(heights, names, "", "AP of pairs of colour and shape", spreads).savefig(path)


if __name__ == "__main__":
    main()
