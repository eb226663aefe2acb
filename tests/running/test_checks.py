"""What is told before a training begins."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.errors import UserError
from glip_pl.running.build import build_data, build_trainer
from glip_pl.running.checks import can_tell_best, one_prompt
from glip_pl.train import _set_epochs
from glip_pl.training.optimizer import Plateau, WarmUpSteps
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

    with pytest.raises(UserError, match=r"data\.val\.custom asks for 'disc\. "):
        one_prompt(opened(other))


def test_the_prompt_to_learn_is_that_of_all_splits(opened: Opened) -> None:
    data = opened(lambda content: None)
    assert one_prompt(data).prompt == data.val["custom"].all_names


def test_a_validation_without_boxes_tells_nothing(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    data = opened(lambda content: content["annotations"].clear())
    assert not can_tell_best(data.val, WarmUpSteps(), stops=False)
    assert "of data.val custom has no boxes" in caplog.text
    with pytest.raises(UserError, match=r"schedule=plateau and callbacks\.stop .* no boxes"):
        can_tell_best(data.val, Plateau(), stops=True)
    with pytest.raises(UserError, match=r"callbacks\.stop go by validation.* there is none"):
        can_tell_best({"retention_custom": data.test["custom"]}, WarmUpSteps(), stops=True)
    caplog.clear()
    assert not can_tell_best({}, WarmUpSteps(), stops=False)
    assert not caplog.records  # nobody asked for one


@pytest.mark.parametrize(
    ("processes", "accumulated", "epochs", "every"), [(1, 1, 13, 1), (2, 1, 25, 1), (2, 2, 50, 2)]
)
def test_epochs_go_by_the_steps_of_all_processes(
    processes: int, accumulated: int, epochs: int, every: int, custom: Path, settings: Compose
) -> None:
    words = ["experiment=finetune_custom", f"data.root={custom}", f"tokenizer.source={MINILM}"]
    words += ["data.workers=0", "data.batch_size=4", "data.train.custom.weight=10"]
    words += [f"+trainer.accumulate_grad_batches={accumulated}", "callbacks.last=null"]
    words += ["trainer=ddp", "trainer.accelerator=cpu", f"trainer.devices={processes}"]
    for given in ([], ["trainer.check_val_every_n_epoch=5"]):
        config = settings([*words, *given])
        trainer = build_trainer(config, train=True)
        _set_epochs(trainer, config, build_data(config, train=True))
        assert trainer.max_epochs == epochs  # of 160 pictures: 500 steps or a few more
        assert trainer.check_val_every_n_epoch == (5 if given else every)
