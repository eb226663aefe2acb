"""Which of the phrases that share a head noun wins a box, before and after tuning on nouns."""

import json
from functools import partial
from pathlib import Path

from glip_pl.data.shapes.vocabulary import COLOURS, SHAPES
from scripts.beyond.few_shapes import few_shapes
from scripts.beyond.figures import Figures, Measurement, run
from scripts.beyond.foils import FEW_SHAPES, world

SHARES = {
    "AP": "AP",
    "objects boxed": "rivals_boxed",
    "right phrase wins": "rivals_won",
    "shown for several": "rivals_doubled",
}
"""Figures that the table shows in percent, by their columns."""


def attributes(base: Path) -> Measurement:
    """Pairs of colour and shape, asked of the base model and of its tuning on shapes alone."""
    return Measurement(
        "attributes",
        {
            f"{model}{how}": partial(arm, base, exclusive)
            for model, arm in (("before", _before), ("tuned on nouns", _tuned))
            for how, exclusive in (("", False), (" and exclusive", True))
        },
    )


def _before(base: Path, exclusive: bool, folder: Path, seed: int) -> Figures:
    return _measured(base, exclusive, folder, seed)


def _tuned(base: Path, exclusive: bool, folder: Path, seed: int) -> Figures:
    run_folder = folder.parent / "tuning"
    data = few_shapes(folder.parents[1] / "shapes", SHAPES, list(COLOURS))
    settings = [f"data.root={data.resolve()}", *FEW_SHAPES.settings, f"hydra.run.dir={run_folder}"]
    words = ["experiment=finetune_custom", *settings, f"ckpt={base}", "data.test.custom=null"]
    run("train", *words, "data.workers=0", f"seed={seed}", "resume=auto")
    return _measured(run_folder / "checkpoints" / "best.ckpt", exclusive, folder, seed)


def _measured(checkpoint: Path, exclusive: bool, folder: Path, seed: int) -> Figures:
    """The figures of a checkpoint on the subset `attributes`, and its AP on shapes."""
    root = world(folder.parents[1] / "data") / "shapes"
    others = [f"data.test.{name}=null" for name in ("rare", "unseen", "synonyms")]
    run(
        "evaluate",
        *("data=shapes", "data.prepare=null", f"data.root={root}", f"ckpt={checkpoint}", *others),
        "+data/eval@data.test.attributes=shapes_attributes",
        *(f"decoder.exclusive={exclusive}", "data.workers=0", f"seed={seed}"),
        f"hydra.run.dir={folder}",
    )
    sets = json.loads((folder / "results.json").read_text())["sets"]
    own = sets["attributes"]["figures"]
    shapes = 100 * sets["seen"]["figures"]["AP"]
    return {**{column: 100 * own[name] for column, name in SHARES.items()}, "shapes AP": shapes}
