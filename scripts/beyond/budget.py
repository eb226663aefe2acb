"""What a forgetting budget keeps, wins and costs, with and without replay, on blood cells."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from scripts.beyond.figures import BCCD, Figures, Measurement, run

ALLOWED = 2
"""Points of retention that may be lost."""

SMALL = [
    *("data.train_transform.short_sides=[128,144]", "data.train_transform.max_side=240"),
    *("data.eval_transform.short_sides=[144]", "data.eval_transform.max_side=240"),
    *("trainer.max_epochs=1", "trainer.check_val_every_n_epoch=1", "data.workers=0"),
]
"""Small pictures and one epoch, so that all seeds take minutes."""

LEAST = 0.025
"""Half as much of ShapesWorld in the epoch as by default."""

WEIGHTS = (LEAST, 0.05, 0.1)
"""Weights of the replayed data between which validation chooses."""


def budget(base: Path) -> Measurement:
    """Before, tuned and within the budget; the last two also with replay, whose weight varies."""
    return Measurement(
        "blood cells, retention on ShapesWorld",
        {
            "before": partial(_reached, base, [], "plain", 0),
            "tuned": partial(_reached, base, [], "plain", 1),
            f"tuned, forget_at_most={ALLOWED}": partial(_reached, base, [], "plain", None),
            "tuned with replay": partial(_reached, base, _replay(LEAST), "replay", 1),
            f"tuned with replay, forget_at_most={ALLOWED}": partial(
                _reached, base, _replay(LEAST), "replay", None
            ),
            f"best of {len(WEIGHTS)} weights of replay, forget_at_most={ALLOWED}": partial(
                _best_weight, base
            ),
        },
    )


def _replay(weight: float) -> list[str]:
    kinds = ("detection", "captions")
    return ["replay=shapes", *(f"data.train.replay_{kind}.weight={weight}" for kind in kinds)]


def _best_weight(base: Path, folder: Path, seed: int) -> Figures:
    """The figures within the budget of the training whose chosen weights are best in validation."""
    found = {}
    for weight in WEIGHTS:
        name = "replay" if weight == LEAST else f"replay_{weight}"
        figures = _reached(base, _replay(weight), name, None, folder, seed)
        found[_chosen_score(folder.parent / f"run_{name}")] = {**figures, "replay": weight}
    return found[max(found)]


def _chosen_score(run_folder: Path) -> float:
    """AP in validation of the share that was chosen."""
    found = json.loads((run_folder / "budget.json").read_text())
    return float(_point(found["validation"], found["share"])["AP"])


def _reached(
    base: Path, settings: list[str], name: str, share: float | None, folder: Path, seed: int
) -> Figures:
    """The figures of a share of the tuned weights, or of the chosen one.

    Arms of one seed and `name` share a training.
    """
    output = folder.parent / f"run_{name}"
    run(
        "train",
        *("experiment=finetune_custom", f"data.root={BCCD}", f"ckpt={base}"),
        *("retention=shapes", f"forget_at_most={ALLOWED}", f"seed={seed}"),
        *(f"hydra.run.dir={output}", "resume=auto", "logger=none"),
        *SMALL,
        *settings,
    )
    found = json.loads((output / "budget.json").read_text())
    wanted = found["share"] if share is None else share
    chosen, tested = (_point(found[kind], wanted) for kind in ("validation", "test"))
    return {
        "AP on test": tested["AP"],
        "retention, validation": sum(chosen["retention"].values()),
        "lost, validation": chosen["lost"],
        "retention, other pictures": sum(tested["retention"].values()),
        "lost, other pictures": tested["lost"],
        "share": wanted,
    }


def _point(points: list[dict[str, Any]], share: float) -> Mapping[str, Any]:
    return next(point for point in points if point["share"] == share)
