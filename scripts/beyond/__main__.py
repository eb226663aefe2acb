"""Measures tuned models: `python -m scripts.beyond`.

Each part trains and evaluates with three seeds and prints a table; the same command again
continues where it was interrupted.
"""

import argparse
from pathlib import Path

from scripts.beyond.attributes import attributes
from scripts.beyond.budget import budget
from scripts.beyond.captions import captions
from scripts.beyond.figures import Measurement, measure, run
from scripts.beyond.foils import foils
from scripts.beyond.incomplete import incomplete
from scripts.beyond.prompt_search import prompt_search
from scripts.beyond.visual import visual, visual_cells


def parts(base: Path) -> dict[str, Measurement]:
    """All measurements by name; `base` is the trained model that is tuned."""
    return {
        "foils": foils(base),
        "budget": budget(base),
        "prompt_search": prompt_search(base),
        "attributes": attributes(base),
        "visual": visual(base),
        "visual_cells": visual_cells(base),
        "incomplete": incomplete(),
        "captions": captions(base),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--base", type=Path, help="a checkpoint of experiment=shapes_pretrain; or it is trained"
    )
    parser.add_argument("--parts", nargs="+", help="only these parts")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=Path("runs/beyond"))
    options = parser.parse_args()
    base = options.base or _trained(options.output / "base")
    available = parts(base.resolve())
    for name in options.parts or available:
        table = measure(available[name], options.output / name, options.seeds)
        (options.output / f"{name}.md").write_text(table + "\n")
        print(table, flush=True)


def _trained(folder: Path) -> Path:
    """The best checkpoint of `experiment=shapes_pretrain`, which runs unless it is finished."""
    run("train", "experiment=shapes_pretrain", f"hydra.run.dir={folder}", "resume=auto")
    return folder / "checkpoints" / "best.ckpt"


if __name__ == "__main__":
    main()
