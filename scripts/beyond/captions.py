"""What a tuned model makes of referring expressions: "the red star left of a ring"."""

import json
from pathlib import Path
from typing import Any

from scripts.beyond.figures import Arm, Figures, Measurement, run

EXPRESSIONS = "data.train.relations.dataset.reader"
"""The settings of the reader of expressions to train on."""

STEPS = 100

MIX = (
    "data.train.detection.weight=0.133",
    "data.train.captions.weight=0.04",
    "data.train.relations.weight=0.2",
    f"trainer.max_steps={STEPS}",
)
"""200 pictures each of detection data and of captions, and 400 with expressions."""

SETS = (
    "+data/eval@data.test.root=shapes_referring",
    "data.test.root.reader.words=root",
    "+data.test.root.limit=150",
    "+data.test.referring.limit=150",
    "data.test.unseen=null",
    "data.test.synonyms=null",
)
"""Expressions of 50 pictures, scored as whole sentences and by their first noun phrase."""


def captions(base: Path) -> Measurement:
    """Noun phrases as the only phrases, or whole expressions, in equally long tunings."""
    return Measurement(
        "expressions to train on",
        {
            "none (not tuned)": _before(base),
            "their first noun phrases": _tuned(base, f"{EXPRESSIONS}.words=root"),
            "whole": _tuned(base, f"{EXPRESSIONS}.words=sentence"),
        },
    )


def _before(base: Path) -> Arm:
    def arm(folder: Path, seed: int) -> Figures:
        """The model as it is, evaluated once: the seed changes nothing."""
        where = folder.parent.parent / "not_tuned"
        if not (where / "results.json").is_file():
            words = ("data=shapes_referring", f"ckpt={base}", f"hydra.run.dir={where}")
            run("evaluate", *words, *SETS)
        return _figures(where)

    return arm


def _tuned(base: Path, *settings: str) -> Arm:
    def arm(folder: Path, seed: int) -> Figures:
        where = (f"ckpt={base}", f"seed={seed}", f"hydra.run.dir={folder}")
        run("train", "data=shapes_referring", "tuning=head", *where, *MIX, *SETS, *settings)
        return _figures(folder)

    return arm


def _figures(folder: Path) -> Figures:
    """Accuracies and APs of a run, in points."""
    sets: Any = json.loads((folder / "results.json").read_text())["sets"]
    names = ("P@1", "P@1/attributes", "P@1/relation")
    figures = {name: 100 * sets["referring"]["figures"][name] for name in names}
    figures |= {f"{name}, noun phrase": 100 * sets["root"]["figures"][name] for name in names[1:]}
    return figures | {f"{name} AP": 100 * sets[name]["figures"]["AP"] for name in ("seen", "rare")}
