"""One example of each category against its name, and against tuning on the same pictures."""

import json
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from glip_pl.boxes import plain
from glip_pl.data.few_shot import FewShot
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.data.selection import Selection
from glip_pl.data.shapes.vocabulary import NOVEL
from glip_pl.inference.predictor import Predictor
from glip_pl.inference.visual_prompt import visual_prompt
from scripts.beyond.figures import BCCD, SHAPES_WORLD, Figures, Measurement, run

SMALL = (
    *("data.train_transform.short_sides=[112,128]", "data.train_transform.max_side=128"),
    *("data.eval_transform.short_sides=[128]", "data.eval_transform.max_side=128"),
    "data.batch_size=8",
)
CELLS = (
    *("data.train_transform.short_sides=[208,224]", "data.train_transform.max_side=300"),
    *("data.eval_transform.short_sides=[224]", "data.eval_transform.max_side=300"),
)


def visual(base: Path) -> Measurement:
    """Shapes that no training picture shows: by name, by one example, tuned on the same picture."""
    true_names = (
        "data.prompts={" + ",".join(f"{name}: {true}" for name, true in NOVEL.items()) + "}"
    )

    def arm(way: Any, folder: Path, seed: int) -> Figures:
        model = _model(base, folder.parents[1] / "model")
        task = _novel_folder(folder.parents[1] / "data")
        figures: Figures = way(folder, seed, model, task, SMALL)
        return figures

    return Measurement(
        "novel shapes",
        {
            "their invented names": partial(arm, _by_words),
            "their true names": partial(arm, partial(_by_words, settings=(true_names,))),
            "one example each": partial(arm, _by_example),
            "tuned on the same pictures": partial(arm, _tuned),
        },
    )


def visual_cells(base: Path) -> Measurement:
    """Blood cells, with the model that has seen nothing but shapes."""

    def arm(way: Any, folder: Path, seed: int) -> Figures:
        model = _model(base, folder.parents[2] / "visual" / "model")
        figures: Figures = way(folder, seed, model, BCCD, CELLS)
        return figures

    return Measurement(
        "blood cells",
        {
            "their names": partial(arm, _by_words),
            "one example each": partial(arm, _by_example),
            "tuned on the same pictures": partial(arm, _tuned),
        },
    )


def _model(base: Path, folder: Path) -> Path:
    """The base, trained further with examples beside words."""
    run(
        *("train", "experiment=shapes_pretrain", "data=shapes_examples", f"ckpt={base}"),
        *(
            f"data.root={SHAPES_WORLD}",
            f"hydra.run.dir={folder}",
            "resume=auto",
            "optimizer.lr=3e-4",
            "trainer.max_epochs=3",
        ),
        *("data.test.rare=null", "data.test.unseen=null", "data.test.synonyms=null"),
    )
    return folder / "checkpoints" / "best.ckpt"


def _novel_folder(folder: Path) -> Path:
    """The subsets of novel shapes as a user's folder: half of the examples are for validation."""
    for split, subset, half in (
        ("train", "novel_examples", 0),
        ("valid", "novel_examples", 1),
        ("test", "novel", None),
    ):
        target = folder / split
        if target.is_dir():
            continue
        content = json.loads((SHAPES_WORLD / "annotations" / f"{subset}.json").read_text())
        images = [one for one in content["images"] if half is None or one["id"] % 2 == half]
        kept = {one["id"] for one in images}
        boxes = [one for one in content["annotations"] if one["image_id"] in kept]
        shutil.copytree(SHAPES_WORLD / "images" / subset, target)
        written = json.dumps({**content, "images": images, "annotations": boxes})
        (target / "_annotations.coco.json").write_text(written)
    return folder


def _by_words(
    folder: Path, seed: int, model: Path, task: Path, sizes: Sequence[str], settings: Any = ()
) -> Figures:
    return _evaluated(folder, f"ckpt={model}", f"data.root={task}", *sizes, *settings)


def _by_example(folder: Path, seed: int, model: Path, task: Path, sizes: Sequence[str]) -> Figures:
    """AP with a box of each category, from the pictures that the tuning learns from."""
    predictor = Predictor.load(model, "cpu")
    index = open_index(CocoJson.from_folder(task, ["train"]), folder / "index")
    pictures = dict(_examples(index, task / "train", seed))
    query = predictor.encode_examples(list(pictures), list(pictures.values()), index.names)
    prompt = folder / "prompt.safetensors"
    visual_prompt(query, predictor.model).write(prompt)
    return _evaluated(folder, f"ckpt={model}", f"data.root={task}", f"prompt={prompt}", *sizes)


def _examples(
    index: Index, folder: Path, seed: int
) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """Pictures of one shot, and in each one box of the categories that none before has."""
    selection = Selection(FewShot(1, seed), keep_empty=True)  # as data=custom selects
    shown: set[str] = set()
    for row in selection.for_training(index, "examples").rows.tolist():
        boxes: dict[str, list[float]] = {}
        corners = plain(torch.tensor(index.boxes[row])).tolist()
        for box, target in zip(corners, index.targets[row].tolist(), strict=True):
            name = index.names[target]
            if name not in shown:
                boxes[name] = box
                shown.add(name)
        if boxes:
            yield str(folder / index.images[row]), boxes


def _tuned(folder: Path, seed: int, model: Path, task: Path, sizes: Sequence[str]) -> Figures:
    """AP after a training on one shot, which ends when validation stops improving."""
    run(
        *("train", "experiment=few_shot", "shots=1", f"shots_seed={seed}", f"ckpt={model}"),
        *(f"data.root={task}", f"hydra.run.dir={folder / 'run'}", "resume=auto", *sizes),
        "model.visual_prompts=true",
    )
    return _figures(folder / "run")


def _evaluated(folder: Path, *settings: str) -> Figures:
    run("evaluate", "data=custom", f"hydra.run.dir={folder / 'run'}", *settings)
    return _figures(folder / "run")


def _figures(folder: Path) -> Figures:
    sets = json.loads((folder / "results.json").read_text())["sets"]
    return {name: 100 * sets["custom"]["figures"][name] for name in ("AP", "AP50")}
