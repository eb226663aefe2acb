"""The paper's main claim on ShapesWorld: is a trained model with few pictures as good as many?

    python -m scripts.shapes_transfer --ckpt <trained on ShapesWorld>

The task is an ordinary folder of COCO JSON: eight kinds of things with names that do not occur in
pre-training. The trained model is compared without tuning, tuned on one picture of each category
(three draws) and tuned on all pictures, with models that are trained from scratch on the same
pictures. Every training follows the few-shot recipe and ends when validation stops improving. Type
the same command again to finish an interrupted comparison.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from glip_pl.data.shapes.world import World
from glip_pl.inspection.sweeps import spread

SET = "synonyms"
PICTURES = {"train": 200, "valid": 50, "test": 200}
SIZES = (
    "data.train_transform.short_sides=[112,128]",
    "data.train_transform.max_side=128",
    "data.eval_transform.short_sides=[128]",
    "data.eval_transform.max_side=128",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt", required=True, help="the pre-trained model")
    parser.add_argument("--data", type=Path, default=Path("data/shapes_transfer"))
    parser.add_argument("--output", type=Path, default=Path("runs/shapes_transfer"))
    options, overrides = parser.parse_known_args()
    for number, (split, count) in enumerate(PICTURES.items(), start=1):
        _write(options.data, split, count, seed=1000 * number)
    shared = [f"data.root={options.data}", *SIZES, *overrides]
    print("| model | AP | AP50 | runs |\n| --- | --- | --- | --- |")
    for name, commands in _comparisons(options.ckpt).items():
        figures = []
        for number, command in enumerate(commands):
            folder = options.output / name.replace(",", "").replace(" ", "_") / str(number)
            figures.append(_run([*command, *shared], folder))
        cells = [spread([100 * run[figure] for run in figures]) for figure in ("AP", "AP50")]
        print(f"| {name} | {' | '.join(cells)} | {len(commands)} |", flush=True)


def _comparisons(checkpoint: str) -> dict[str, list[list[str]]]:
    """The commands whose mean is a row of the table, by the row's name."""
    trained = f"ckpt={checkpoint}"
    tune = ["train", "experiment=few_shot", "tuning=full", "resume=auto"]
    few, every = [*tune, "shots=1"], [*tune, "shots=full"]
    draws, seeds = (3, 30, 300), (0, 1)
    return {
        "trained model, no picture": [["evaluate", "data=custom", trained]],
        "trained model, 1 shot": [[*few, trained, f"shots_seed={draw}"] for draw in draws],
        "from scratch, 1 shot": [[*few, f"shots_seed={draw}"] for draw in draws],
        "from scratch, all pictures": [[*every, f"seed={seed}"] for seed in seeds],
        "trained model, all pictures": [[*every, trained, f"seed={seed}"] for seed in seeds],
    }


def _run(command: list[str], folder: Path) -> dict[str, float]:
    """Run a command of the package in `folder` and return its figures on the test set."""
    program, *settings = command
    words = [sys.executable, "-m", f"glip_pl.{program}", *settings, f"hydra.run.dir={folder}"]
    subprocess.run(words, check=True)
    results = json.loads((folder / "results.json").read_text())
    figures: dict[str, float] = results["sets"]["custom"]["figures"]
    return figures


def _write(root: Path, split: str, count: int, seed: int) -> None:
    """Write one split of the task, in the layout of Roboflow's export."""
    if (root / split / "_annotations.coco.json").is_file():
        return
    world = root.with_name(f".{root.name}-{split}")
    World(detection=0, captions=0, web=0, evaluation=count, side=128, seed=seed).write(world)
    shutil.rmtree(root / split, ignore_errors=True)
    shutil.copytree(world / "images" / SET, root / split)
    shutil.copy(world / "annotations" / f"{SET}.json", root / split / "_annotations.coco.json")
    shutil.rmtree(world)


if __name__ == "__main__":
    main()
