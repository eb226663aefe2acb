"""A set is read as a run would read it."""

import json
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.filtering import BoxFilter
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.indexing import open_index
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError
from glip_pl.inspection.named_set import (
    NamedSet,
    chosen_names,
    kept_boxes,
    phrase_texts,
    some_rows,
)
from tests.data.formats.writers import coco, mdetr, scenes

SCENES = scenes(6)


def test_boxes_that_a_run_filters_are_left_out(tmp_path: Path, indexes: Path) -> None:
    grounding = {
        "caption": "a star and a ring",
        "regions": [
            {"bbox": [[1, 1, 5, 5]], "score": [0.9], "phrase": ["star"]},
            {"bbox": [[2, 2, 7, 7]], "score": [0.2], "phrase": ["ring"]},
        ],
    }
    line = {"filename": "a.png", "height": 9, "width": 9, "grounding": grounding}
    (tmp_path / "lines.jsonl").write_text(json.dumps(line))
    reader = OdvgJsonl(tmp_path / "lines.jsonl", tmp_path)
    index = open_index(reader, indexes)
    everything = NamedSet("train/it", reader).filtered(index)
    assert everything is None
    assert kept_boxes(index, 0, everything).tolist() == [0, 1]
    confident = NamedSet("train/it", reader, box_filter=BoxFilter(0.5)).filtered(index)
    assert kept_boxes(index, 0, confident).tolist() == [0]
    assert phrase_texts(index, 0) == ["star", "ring"]


def test_boxes_have_the_text_of_their_category_or_phrase(tmp_path: Path, indexes: Path) -> None:
    (tmp_path / "coco").mkdir()
    categories = open_index(coco(tmp_path / "coco", SCENES), indexes)
    names = {"cat", "dog_(animal)", "fire hydrant"}
    assert set(phrase_texts(categories, 0)) <= names
    (tmp_path / "mdetr").mkdir()
    captions = open_index(mdetr(tmp_path / "mdetr", SCENES), indexes)
    scene = SCENES[0]
    expected = [" ".join(scene.caption[s:e] for s, e in spans) for spans in scene.spans]
    assert sorted(phrase_texts(captions, 0)) == sorted(expected)


def test_random_records_have_boxes_and_depend_on_the_seed(tmp_path: Path, indexes: Path) -> None:
    index = open_index(coco(tmp_path, SCENES), indexes)
    without_boxes = np.flatnonzero(index.boxes.lengths() == 0).tolist()
    assert without_boxes == [1]
    assert list(some_rows(index, 99, seed=0)) == [0, 2, 3, 4, 5]
    chosen = [tuple(some_rows(index, 2, seed)) for seed in range(20)]
    assert chosen[0] == tuple(some_rows(index, 2, 0))
    assert len(set(chosen)) > 1
    assert all(first < second for first, second in chosen)


def test_a_fresh_index_collects_all_problems(tmp_path: Path) -> None:
    reader = coco(tmp_path, SCENES)
    file = tmp_path / "coco.json"
    content = json.loads(file.read_text())
    content["annotations"][0]["bbox"] = [0, 0, 900, 5]
    content["annotations"][1]["category_id"] = 99
    file.write_text(json.dumps(content))
    for _ in range(2):  # nothing is remembered from the first time
        problems = Problems(tolerate=1.0)
        with NamedSet("val/it", reader).fresh_index(problems) as index:
            assert len(index) == len(SCENES)
        assert problems.counts == {"box outside its image": 1, "unknown category": 1}
    file.unlink()
    with (
        pytest.raises(UserError, match=r"coco\.json"),
        NamedSet("val/it", reader).fresh_index(Problems(1.0)),
    ):
        pass


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (None, ["train/coco", "train/vg", "val/coco", "validation/coco"]),
        ("train", ["train/coco", "train/vg"]),
        ("val", ["val/coco"]),
        (["val/coco", "train/vg"], ["train/vg", "val/coco"]),
        ("train/vg, val", ["train/vg", "val/coco"]),
    ],
)
def test_a_group_stands_for_its_sets(wanted: str | list[str] | None, chosen: list[str]) -> None:
    names = ["train/coco", "train/vg", "val/coco", "validation/coco"]
    assert chosen_names(wanted, names) == chosen


@pytest.mark.parametrize("wanted", ["train/cocoo", "tra", ["val", "test"]])
def test_an_unknown_set_is_refused_with_those_that_there_are(wanted: str | list[str]) -> None:
    names = ["train/coco", "val/coco"]
    with pytest.raises(UserError, match=r"no such set: .*train/coco, val/coco, and train, val or"):
        chosen_names(wanted, names)
