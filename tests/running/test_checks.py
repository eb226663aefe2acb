"""Checks of a training before it begins."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.errors import UserError
from glip_pl.running.build import build_data
from glip_pl.running.checks import can_tell_best, one_prompt
from glip_pl.training.schedule import Plateau, WarmUpSteps
from tests.conftest import MINILM, Compose

Change = Callable[[dict[str, Any]], object]
Opened = Callable[[Change], GroundingDataModule]


@pytest.fixture
def opened(settings: Compose, custom: Path, tmp_path: Path) -> Opened:
    """A user's folder whose validation annotations were changed."""

    def build(change: Change) -> GroundingDataModule:
        root = tmp_path / "changed"
        shutil.copytree(custom, root)
        path = root / "val" / "_annotations.coco.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        words = ["experiment=finetune_custom", f"data.root={root}", f"tokenizer.source={MINILM}"]
        return build_data(settings([*words, "data.workers=0", "data.batch_size=4"]), train=True)

    return build


def test_splits_must_ask_for_one_prompt_if_it_is_to_be_learned(opened: Opened) -> None:
    def other(content: dict[str, Any]) -> None:
        content["categories"][0]["name"] = "disc"

    with pytest.raises(UserError, match=r"data\.val\.custom has 'disc\. "):
        one_prompt(opened(other))


def test_the_prompt_to_learn_is_that_of_all_splits(opened: Opened) -> None:
    data = opened(lambda content: None)
    assert one_prompt(data).prompt == data.val["custom"].all_names


def test_validation_without_boxes_cannot_tell_the_best_weights(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    data = opened(lambda content: content["annotations"].clear())
    assert not can_tell_best(data.val, WarmUpSteps(), stops_early=False)
    assert "in data.val custom has no boxes" in caplog.text
    with pytest.raises(UserError, match=r"schedule=plateau and callbacks\.stop need .* no boxes"):
        can_tell_best(data.val, Plateau(), stops_early=True)
    data.val["custom"].retention = True
    with pytest.raises(UserError, match=r"callbacks\.stop need a validation set.* there is none"):
        can_tell_best(data.val, WarmUpSteps(), stops_early=True)
    caplog.clear()
    assert not can_tell_best({}, WarmUpSteps(), stops_early=False)
    assert not caplog.records  # nobody asked for one
