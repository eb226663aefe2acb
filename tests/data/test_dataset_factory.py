"""The flat settings of conf/data become datasets; wrong combinations are refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.few_shot import FewShot
from glip_pl.data.filtering import BoxFilter
from glip_pl.data.formats.coco import CocoJson
from glip_pl.errors import UserError
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.running.build import build_data
from tests.conftest import MINILM, Compose
from tests.data.conftest import OpenEvaluation, OpenTraining
from tests.data.formats.writers import coco, mdetr, scenes, tsv_captions_v2
from tests.inspection.pictures import (
    half_turned,
    square_turned,
    turned_with_its_stored_size,
)


def test_boxes_of_categories_are_not_trained_on_without_prompts(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="needs the setting `sampler`"):
        open_training(coco(tmp_path, scenes(4)), sampler=None)


def test_words_longer_than_the_samplers_budget_are_refused(
    open_training: OpenTraining, open_evaluation: OpenEvaluation, tmp_path: Path
) -> None:
    reader = coco(tmp_path, scenes(8))
    words = [Wording("cat"), Wording("dog", suffix=" with ears" * 130), Wording("hydrant")]
    with pytest.raises(UserError, match=r"254 tokens, too few for the words of dog_\(animal\)"):
        open_training(reader, wordings=words)
    evaluated = open_evaluation(reader, wordings=words)  # such a name has a prompt of its own
    assert [chunk.first for chunk in evaluated.vocabulary] == [0, 1, 2]


def test_the_settings_of_a_selection_are_used(
    open_training: OpenTraining, open_evaluation: OpenEvaluation, tmp_path: Path
) -> None:
    wanted = [scene for scene in scenes(8) if scene.boxes]
    reader = coco(tmp_path, wanted)
    assert len(open_training(reader)) == len(wanted) == len(open_evaluation(reader))
    assert len(open_training(reader, limit=2)) == 2 == len(open_evaluation(reader, limit=2))
    shots = FewShot(1)
    assert open_training(reader, few_shot=shots).records.selection.few_shot is shots
    assert 0 < len(open_training(reader, few_shot=shots)) <= 3  # one for each category at most
    assert 0 < len(open_evaluation(reader, few_shot=shots)) <= 3


def test_boxes_that_a_teacher_was_not_sure_of_are_not_learned_from(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    wanted = [scene for scene in scenes(8) if scene.boxes]
    reader = tsv_captions_v2(tmp_path, wanted)  # every box scores 0.9
    sample = open_training(reader, box_filter=BoxFilter(0.5))[0]
    assert len(sample.boxes) == len(wanted[0].boxes)
    with pytest.raises(UserError, match="no image with a box"):
        open_training(reader, box_filter=BoxFilter(0.95))


@pytest.mark.parametrize("write", [half_turned, square_turned, turned_with_its_stored_size])
def test_the_same_pixels_are_in_the_box_in_training_and_in_evaluation(
    write: Callable[[Path], CocoJson], settings: Compose, tmp_path: Path
) -> None:
    write(tmp_path)
    for split in ("train", "val"):
        (tmp_path / f"{split}.json").write_bytes((tmp_path / "coco.json").read_bytes())
    words = ["data=custom", f"data.root={tmp_path}", f"tokenizer.source={MINILM}"]
    data = build_data(settings(words), train=True)
    trained = data.train["custom"].dataset.sample(0, np.random.default_rng(0))
    for sample in (trained, data.val["custom"][0], data.test["custom"][0]):
        (box,) = sample.boxes.round().int().tolist()
        x1, y1, x2, y2 = box
        inside = sample.image[:, y1 + 2 : y2 - 1, x1 + 2 : x2 - 1]
        assert int(inside.min()) > 250
        white = int((sample.image[0] > 128).sum())
        assert white == pytest.approx((x2 - x1 + 1) * (y2 - y1 + 1), rel=0.1)


def test_pictures_of_nothing_are_trained_on_in_a_folder_of_ones_own(
    custom: Path, settings: Compose, tmp_path: Path
) -> None:
    shutil.copytree(custom, tmp_path / "own")
    file = tmp_path / "own" / "train" / "_annotations.coco.json"
    content = json.loads(file.read_text())
    first = content["images"][0]["id"]
    others = [entry for entry in content["annotations"] if entry["image_id"] != first]
    file.write_text(json.dumps(content | {"annotations": others}))
    words = ["data=custom", f"data.root={tmp_path}/own", f"tokenizer.source={MINILM}"]
    count = len(content["images"])
    for setting, expected in ((True, count), (False, count - 1)):
        data = build_data(settings([*words, f"data.keep_empty={setting}"]), train=True)
        assert len(data.train["custom"].dataset) == expected


def test_captions_need_no_sampler(open_training: OpenTraining, tmp_path: Path) -> None:
    wanted = [scene for scene in scenes(4) if scene.boxes]
    dataset = open_training(mdetr(tmp_path, wanted), sampler=None)
    assert dataset[0].prompt.caption == wanted[0].caption
