"""A training tells the mistakes in its data before it begins."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.errors import UserError
from glip_pl.inspection.before_training import check_before_training
from glip_pl.running.build import build_data
from glip_pl.train import train
from tests.conftest import MINILM, Compose
from tests.inspection.splits import write_split

Build = Callable[..., GroundingDataModule]


@pytest.fixture
def build(settings: Compose, tmp_path: Path) -> Build:
    """The data of a user's folder with a train and a val split of this kind."""

    def built(*overrides: str, **of_val: Any) -> GroundingDataModule:
        write_split(tmp_path, "train")
        write_split(tmp_path, "val", **of_val)
        words = ["experiment=finetune_custom", f"data.root={tmp_path}", "data.workers=0"]
        config = settings([*words, f"tokenizer.source={MINILM}", *overrides])
        return build_data(config, train=True)

    return built


def test_each_set_is_logged_with_its_file(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    check_before_training(build(), mistakes="stop", pictures=True)
    said = caplog.text
    assert "data.train.custom: 1 images and 2 boxes of 2 categories, read from" in said
    assert "annotations/val.json" in said
    assert "data.test.custom: the same as data.val.custom" in said
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_a_validation_on_the_training_set_is_warned_of(
    build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    data = build("data.annotations.val=annotations/train.json")
    check_before_training(data, mistakes="stop", pictures=False)
    assert "data.val.custom: the same as data.train.custom, so its figures" in caplog.text


@pytest.mark.parametrize(
    ("of_val", "said"),
    [
        ({"names": ["cat", "dog"]}, "names that training lacks"),
        ({"boxes": [(0.2, 0.2, 0.5, 0.5)] * 2}, "boxes as fractions of the picture"),
    ],
)
def test_what_makes_figures_meaningless_stops_a_training(
    build: Build, caplog: pytest.LogCaptureFixture, of_val: dict[str, Any], said: str
) -> None:
    data = build(**of_val)
    with pytest.raises(UserError, match=rf"{said}.*val\.json.*checks\.mistakes=warn"):
        check_before_training(data, mistakes="stop", pictures=True)
    check_before_training(data, mistakes="warn", pictures=True)
    assert said in caplog.text


def test_lesser_mistakes_are_warned_of(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    data = build(labels=[0, 0, 1], names=["red", "cat"])
    check_before_training(data, mistakes="stop", pictures=True)
    assert "1 of 3 boxes" in caplog.text


def test_missing_pictures_of_any_split_stop_a_training(
    build: Build, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = build()
    (tmp_path / "val/val.png").rename(tmp_path / "val/other.png")
    with pytest.raises(UserError, match=r"1 of 1 pictures of data\.val\.custom .*val/val\.png"):
        check_before_training(data, mistakes="stop", pictures=True)
    check_before_training(data, mistakes="stop", pictures=False)
    (tmp_path / "val/other.png").rename(tmp_path / "val/val.png")
    (tmp_path / "train/train.png").unlink()
    data.train["custom"].dataset.problems.tolerate = 1.0
    check_before_training(data, mistakes="stop", pictures=True)
    assert "1 of 1 pictures of data.train.custom" in caplog.text


def test_a_training_stops_before_its_model_is_built(settings: Compose, tmp_path: Path) -> None:
    write_split(tmp_path, "train")
    write_split(tmp_path, "val")
    write_split(tmp_path, "test")
    (tmp_path / "test/test.png").unlink()
    words = ["experiment=finetune_custom", f"data.root={tmp_path}", "trainer=cpu"]
    config = settings([*words, f"tokenizer.source={MINILM}"])
    config.model = None
    with pytest.raises(UserError, match=r"data\.test\.custom .*no such image: .*/test\.png"):
        train(config)
