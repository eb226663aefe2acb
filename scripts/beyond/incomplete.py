"""Two sources that each know half of ShapesWorld's shapes: what joint training reaches on all."""

import json
from pathlib import Path

from scripts.beyond.figures import Arm, Figures, Measurement, run

FULL = (
    "data.train.first.dataset.reader.annotations=${data.root}/annotations/detection.json",
    "data.train.second=null",
    "data.looked_for=all",
)
"""Settings by which one source has all labels of the same pictures."""


def incomplete() -> Measurement:
    """Full labels, the union in which a shape without a box is absent, and what was looked for."""
    arms = {
        "full": FULL,
        "naive_union": ("data.looked_for=all",),
        "looked_for": ("data.looked_for=listed",),
    }
    return Measurement(
        "ShapesWorld, labels of half of the shapes for half of the pictures each",
        {name: _arm(settings) for name, settings in arms.items()},
    )


def _arm(settings: tuple[str, ...]) -> Arm:
    def measured(folder: Path, seed: int) -> Figures:
        run(
            "train",
            "experiment=shapes_incomplete",
            *settings,
            f"seed={seed}",
            f"hydra.run.dir={folder}",
            "resume=auto",
        )
        figures = json.loads((folder / "results.json").read_text())["sets"]["seen"]["figures"]
        return {name: 100 * figures[name] for name in ("AP", "AP50", "AR100")}

    return measured
