"""A short training with pictures, figures and a test, which trackers log."""

from collections.abc import Sequence
from pathlib import Path

from glip_pl.train import train
from tests.conftest import Compose
from tests.training.short_runs import short

EVALUATED = [
    *("data.val.seen.limit=2", "callbacks.pictures.count=2"),
    *("data.test.rare=null", "data.test.unseen=null", "data.test.synonyms=null"),
]
"""Two pictures are validated and drawn, and one set is tested."""


def logged_training(
    world: Path, tiny: Sequence[str], settings: Compose, logger: str, *more: str
) -> Path:
    """Train the smallest model for six steps; returns the run's folder."""
    words = [*short(world, *tiny), *EVALUATED, f"logger={logger}", *more]
    config = settings(words)
    train(config)
    return Path(config.paths.output)
