"""The paper's headline in small: a few pictures and a trained model, or all pictures and none.

    python -m scripts.shapes_transfer --ckpt <trained on ShapesWorld>

The task is an ordinary folder of COCO JSON: eight kinds of things by names that pre-training
never said. Compares the trained model as it is, tuned by one picture of each category (three
draws) and by all, with a model trained from scratch on the same. Every training is by the few-shot
recipe: until validation gets no better. The same command again does what is missing.
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt", required=True, help="the pre-trained model")
    parser.add_argument("--data", type=Path, default=Path("data/shapes_transfer"))
    parser.add_argument("--output", type=Path, default=Path("runs/shapes_transfer"))
    given, more = parser.parse_known_args()
    for number, (split, count) in enumerate(PICTURES.items(), start=1):
        _write(given.data, split, count, seed=1000 * number)
    size = ["data.train_transform.short_sides=[112,128]", "data.train_transform.max_side=128"]
    size += ["data.eval_transform.short_sides=[128]", "data.eval_transform.max_side=128"]
    shared = [f"data.root={given.data}", *size, *more]
    trained = [f"ckpt={given.ckpt}"]
    tune = ["train", "experiment=few_shot", "tuning=full", "resume=auto"]
    one, whole = [*tune, "shots=1"], [*tune, "shots=full"]
    runs = {
        "trained model, no picture": [["evaluate", "data=custom", *trained]],
        "trained model, 1 shot": [[*one, *trained, f"shots_seed={seed}"] for seed in (3, 30, 300)],
        "from scratch, 1 shot": [[*one, f"shots_seed={seed}"] for seed in (3, 30, 300)],
        "from scratch, all pictures": [[*whole, f"seed={seed}"] for seed in (0, 1)],
        "trained model, all pictures": [[*whole, *trained, f"seed={seed}"] for seed in (0, 1)],
    }
    print("| model | AP | AP50 | runs |\n| --- | --- | --- | --- |")
    for name, commands in runs.items():
        found: dict[str, list[float]] = {"AP": [], "AP50": []}
        for number, (program, *words) in enumerate(commands):
            folder = given.output / name.replace(",", "").replace(" ", "_") / str(number)
            command = [sys.executable, "-m", f"glip_pl.{program}", *words, *shared]
            subprocess.run([*command, f"hydra.run.dir={folder}"], check=True)
            content = json.loads((folder / "results.json").read_text())
            figures = content["sets"]["custom"]["figures"]
            for figure, values in found.items():
                values.append(100 * figures[figure])
        cells = " | ".join(spread(values) for values in found.values())
        print(f"| {name} | {cells} | {len(commands)} |", flush=True)


def _write(root: Path, split: str, count: int, seed: int) -> None:
    """One split of the task, as a user's folder holds it."""
    if (root / split / "_annotations.coco.json").is_file():
        return
    made = root.with_name(f".{root.name}-{split}")
    World(detection=0, captions=0, web=0, evaluation=count, side=128, seed=seed).write(made)
    shutil.rmtree(root / split, ignore_errors=True)
    shutil.copytree(made / "images" / SET, root / split)
    shutil.copy(made / "annotations" / f"{SET}.json", root / split / "_annotations.coco.json")
    shutil.rmtree(made)


if __name__ == "__main__":
    main()
