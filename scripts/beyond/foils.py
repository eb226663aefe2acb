"""Whether a tuned model refuses wrong words, without and with foils in training."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from glip_pl.prompts.foils import nonsense_words
from scripts.beyond.few_shapes import few_shapes
from scripts.beyond.figures import BCCD, Arm, Figures, Measurement, run

FIGURES = {
    "AP": "AP",
    "AP beside foils": "AP_beside_foils",
    "recall at 0.3": "recall_shown",
    "objects answered": "foil_boxes",
    "objects answered, foils alone": "foil_boxes_alone",
}
"""Shares that the table shows in percent, by their columns."""

COUNTS = {"fires": "foil_fires", "fires, foils alone": "foil_fires_alone"}
"""Numbers for each image that the table shows, by their columns."""


class Task(NamedTuple):
    """Data, the foils of their tests, others for training, and settings of the tuning."""

    asked: Sequence[str]
    learned: Sequence[str]
    settings: Sequence[str]


EVERYDAY = ("cat", "tree", "house", "bottle", "flower", "bird", "chair", "book", "cup", "boat")
"""Words for other things than those of the tests."""

CELLS = Task(
    asked=[
        *("person", "dog", "car", "pizza"),
        *("bacteria", "yeast cell", "skin cell", "parasite"),
        *("green blood cell", "square cell"),
        *nonsense_words(4, seed=1),
    ],
    learned=[
        *EVERYDAY,
        *("virus", "muscle cell", "nerve cell", "fungus", "crystal", "hair"),
        *("blue cell", "striped blood cell"),
        *nonsense_words(8, seed=2),
    ],
    settings=[
        *("trainer.max_epochs=2", "trainer.check_val_every_n_epoch=2", "data.batch_size=4"),
        "callbacks.ema.decay=0.95",
        *("data.train_transform.short_sides=[208,224]", "data.train_transform.max_side=300"),
        *("data.eval_transform.short_sides=[224]", "data.eval_transform.max_side=300"),
    ],
)
"""Blood cells: platelets, red and white ones."""

SHAPES = ("circle", "square", "star", "heart")
COLOURS = ("red", "green", "blue", "white")
FEW_SHAPES = Task(
    asked=[
        *("ring", "triangle", "moon", "cross"),
        *("purple circle", "orange square", "black star", "yellow heart"),
        *("person", "dog", "car", "pizza"),
        *nonsense_words(4, seed=1),
    ],
    learned=[
        *EVERYDAY,
        *("arrow", "spiral", "pentagon", "oval"),
        *("pink circle", "brown square", "grey star", "golden heart"),
        *nonsense_words(8, seed=2),
    ],
    settings=[
        *("trainer.max_epochs=3", "trainer.check_val_every_n_epoch=3", "data.batch_size=8"),
        "callbacks.ema.decay=0.9",
        *("data.train_transform.short_sides=[112,128]", "data.train_transform.max_side=128"),
        *("data.eval_transform.short_sides=[128]", "data.eval_transform.max_side=128"),
    ],
)
"""Four shapes in four colours: the foils are other shapes, other colours and other things."""


def foils(base: Path) -> Measurement:
    """What the base model, and tunings of it, answer to names of absent objects."""
    arms: dict[str, Arm] = {}
    for data, task in (("blood cells", CELLS), ("few shapes", FEW_SHAPES)):
        arms |= {
            f"{data}: tuned": partial(_tuned, base, task, None),
            f"{data}: tuned with other foils": partial(_tuned, base, task, task.learned),
            f"{data}: before": partial(_before, base, task),
        }
    return Measurement("foils", arms)


def _before(base: Path, task: Task, folder: Path, seed: int) -> Figures:
    settings = [*_data(task, folder), "retention=shapes", f"ckpt={base}"]
    run("evaluate", *settings, "data.workers=0", f"seed={seed}")
    return _figures(folder)


def _tuned(
    base: Path, task: Task, learned: Sequence[str] | None, folder: Path, seed: int
) -> Figures:
    settings = [*_data(task, folder), *task.settings, "retention=shapes", f"ckpt={base}"]
    if learned is not None:
        settings.append(f"data.foils={_file(folder / 'learned.txt', learned)}")
    run("train", "experiment=finetune_custom", *settings, "data.workers=0", f"seed={seed}")
    return _figures(folder)


def _data(task: Task, folder: Path) -> list[str]:
    """Settings of the task's data, of the foils of its test and of the world of `retention`."""
    shared = folder.parents[1]
    data = BCCD if task is CELLS else few_shapes(shared / "few_shapes", SHAPES, COLOURS)
    return [
        "data=custom",
        f"data.root={data.resolve()}",
        f"foils={_file(folder / 'asked.txt', task.asked)}",
        f"paths.data={world(shared / 'data')}",
        f"hydra.run.dir={folder}",
    ]


def world(folder: Path) -> Path:
    """A folder with the evaluation sets of ShapesWorld, made on first use; returns it."""
    few = [f"world.{kind}=1" for kind in ("detection", "captions", "web")]
    run("make_shapes", f"root={folder.resolve() / 'shapes'}", "world.evaluation=100", *few)
    return folder.resolve()


def _file(path: Path, names: Sequence[str]) -> Path:
    path.write_text("\n".join(names) + "\n")
    return path.resolve()


def _figures(folder: Path) -> Figures:
    sets = json.loads((folder / "results.json").read_text())["sets"]
    own: Mapping[str, float] = sets["custom"]["figures"]
    shares = {column: 100 * own[name] for column, name in FIGURES.items()}
    counts = {column: own[name] for column, name in COUNTS.items()}
    kept = 100 * sets["retention_shapes"]["figures"]["AP"]
    return {**shares, **counts, "ShapesWorld AP": kept}
