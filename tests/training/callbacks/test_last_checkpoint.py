from pathlib import Path

import torch

from glip_pl.training.callbacks.last_checkpoint import LastCheckpoint
from tests.training.callbacks.lines import Line, trained


def steps_saved(folder: Path, broken_from: int) -> int:
    trained(Line(broken_from), [LastCheckpoint(str(folder), every_steps=2)])
    saved: int = torch.load(folder / "last.ckpt", weights_only=True)["global_step"]
    return saved


def test_the_last_state_is_saved(tmp_path: Path) -> None:
    assert steps_saved(tmp_path, broken_from=99) == 6


def test_weights_that_are_no_numbers_never_replace_good_ones(tmp_path: Path) -> None:
    assert steps_saved(tmp_path, broken_from=3) == 2
