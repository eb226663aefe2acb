"""Folders of a sweep, as `train -m` leaves them."""

import json
from pathlib import Path


def write_run(folder: Path, overrides: list[str], ap: float | None) -> None:
    """A run's folder; without results if `ap` is None."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text(json.dumps(overrides))
    if ap is not None:
        figures = {"AP": ap, "AP50": 2 * ap}
        (folder / "results.json").write_text(json.dumps({"sets": {"custom": {"figures": figures}}}))


def write_sweep(folder: Path) -> None:
    """Two tunings with three numbers of shots and two seeds each, and run 12 without results."""
    number = 0
    for tuning, ap in (("full", 0.4), ("prompt", 0.3)):
        for shots in ("1", "full", "10"):
            for seed in (0, 1):
                overrides = ["experiment=few_shot", f"tuning={tuning}", f"shots={shots}"]
                write_run(folder / str(number), [*overrides, f"+seed={seed}"], ap + seed / 100)
                number += 1
    write_run(folder / str(number), ["tuning=head"], None)
