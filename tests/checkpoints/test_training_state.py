from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.checkpoints.training_state import ENTRIES, check_training_state
from glip_pl.errors import UserError

FILE = Path("last.ckpt")
STATE: dict[str, Any] = {
    "pytorch-lightning_version": "2.5.0",
    **{"epoch": 1, "global_step": 2},
    **{"state_dict": {"model.x": torch.ones(1)}, "loops": {"fit_loop": {"x": 1}}},
    **{"callbacks": {}, "optimizer_states": [], "lr_schedulers": []},
}


def test_the_state_of_a_training_passes() -> None:
    check_training_state(STATE, FILE)


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_missing_or_of_another_type_is_named(name: str) -> None:
    for entries in ({key: STATE[key] for key in STATE if key != name}, {**STATE, name: None}):
        with pytest.raises(UserError, match=rf"last\.ckpt cannot be resumed: .*\({name}"):
            check_training_state(entries, FILE)


def test_the_counters_of_the_training_are_needed() -> None:
    with pytest.raises(UserError, match=r"\(loops\.fit_loop\)"):
        check_training_state({**STATE, "loops": {"fit_loop": {}}}, FILE)


def test_weights_are_checked() -> None:
    with pytest.raises(UserError, match=r"is no readable checkpoint: the weight model\.x"):
        check_training_state({**STATE, "state_dict": {"model.x": "text"}}, FILE)
