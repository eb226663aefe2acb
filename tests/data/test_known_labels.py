"""What no one looked for in a picture is never learned as absent from it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl.data.collate import Collate
from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.index import Index
from glip_pl.data.index_writer import IndexWriter
from glip_pl.data.known_labels import KnownLabels
from glip_pl.data.problems import Problems
from glip_pl.data.records import Contents, Record
from glip_pl.errors import UserError
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.tokens import Tokenizer
from tests.data.conftest import OpenTraining
from tests.data.formats.writers import coco, mdetr, scenes

SHUFFLED = CategorySampler(full_probability=1.0)


Lists = dict[str, list[int]]
"""Lists of categories of a picture, by the fields of a record."""


def records(lists: Sequence[Lists]) -> Iterator[Record]:
    """A picture for each of these lists, with a box of the category 0."""
    for number, given in enumerate(lists):
        plain = Record("a.jpg", (30, 40), number, np.asarray([[1.0, 1, 9, 9]]), np.asarray([0]))
        fields: dict[str, Any] = {
            key: np.asarray(one, dtype=np.int64) for key, one in given.items()
        }
        yield replace(plain, **fields)


def index_of(folder: Path, *lists: Lists) -> Index:
    with IndexWriter(folder, "boxes.json", Problems(), "error") as writer:
        writer.write(Contents(records(lists), list("abcde")))
    return Index.open(folder)


def test_an_index_keeps_the_lists_of_its_pictures(tmp_path: Path) -> None:
    index = index_of(tmp_path, {"absent": [1, 4]}, {"not_exhaustive": [2]}, {"absent": []})
    assert index.listed.tolist() == [True, False, True]
    assert [index.absent[row].tolist() for row in range(3)] == [[1, 4], [], []]
    assert [index.not_exhaustive[row].tolist() for row in range(3)] == [[], [2], []]


def test_what_is_known_of_a_picture(tmp_path: Path) -> None:
    lists: list[Lists] = [
        {},
        {"absent": [1, 3]},
        {"absent": [1], "not_exhaustive": [0, 2]},
        {"not_exhaustive": [2]},
    ]
    index = index_of(tmp_path, *lists)
    assert KnownLabels.of(index, "all", "boxes.json") is None

    def known(looked_for: Any) -> list[tuple[list[int], list[int]]]:
        labels = KnownLabels.of(index, looked_for, "boxes.json")
        assert labels is not None
        return [
            (labels.absent(row, [0]).tolist(), labels.exhaustive(row, [0]).tolist())
            for row in range(len(index))
        ]

    assert known("listed") == [
        ([1, 2, 3, 4], [0, 1, 2, 3, 4]),  # no list: all were looked for
        ([1, 3], [0, 1, 3]),
        ([1], [1]),
        ([1, 3, 4], [0, 1, 3, 4]),
    ]
    assert known(["a", "c"])[:2] == [([2], [0, 2])] * 2
    assert known(["c"])[0] == ([2], [2])  # the boxes of "a" are there by chance


@pytest.mark.parametrize("looked_for", ["listed", ["a", "z"], "z"])
def test_a_setting_that_the_source_cannot_fulfil_is_refused(
    tmp_path: Path, looked_for: Any
) -> None:
    with pytest.raises(UserError, match=r"boxes\.json .*|looked_for has z"):
        KnownLabels.of(index_of(tmp_path, {}), looked_for, "boxes.json")


def test_captions_have_no_categories_to_look_for(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="looked_for='listed' is about categories"):
        open_training(mdetr(tmp_path, scenes(4)), looked_for="listed")


def listed(folder: Path, **lists: list[int]) -> CocoJson:
    """A source whose first picture, without boxes of dogs, has these lists of categories."""
    wanted = [scene for scene in scenes(9) if set(scene.labels) == {0, 2}][:1]
    reader = coco(folder, wanted)
    content = json.loads((folder / "coco.json").read_text())
    content["images"][0] |= lists
    (folder / "coco.json").write_text(json.dumps(content))
    return CocoJson(folder / "coco.json", reader.images)  # type: ignore[attr-defined]  # a CocoJson


def captions(dataset: GroundedDataset) -> set[str]:
    """The names in prompts for the first picture, in alphabetical order."""
    samples = [dataset.sample(0, np.random.default_rng(seed)) for seed in range(9)]
    return {
        ", ".join(sorted(one.prompt.phrase_text(i).strip() for i in range(len(one.prompt.phrases))))
        for one in samples
    }


def test_names_that_no_one_looked_for_are_marked(
    open_training: OpenTraining, tmp_path: Path
) -> None:
    reader = listed(tmp_path, looked_for_category_ids=[5, 9])
    assert captions(open_training(reader, sampler=SHUFFLED)) == {"cat, dog, fire hydrant"}
    known = open_training(reader, sampler=SHUFFLED, looked_for="listed")
    assert captions(known) == {"cat, dog, fire hydrant"}
    for seed in range(9):
        sample = known.sample(0, np.random.default_rng(seed))
        assert sample.unsure is not None
        marked = [sample.prompt.phrase_text(phrase).strip() for phrase in sample.unsure.tolist()]
        assert marked == ["dog"]
    few = CategorySampler(max_negatives=1, full_probability=1.0)
    unknown = listed(tmp_path, looked_for_category_ids=[5, 9], neg_category_ids=[7])
    certain = open_training(unknown, sampler=few, looked_for="listed")
    assert captions(certain) == {"cat, dog, fire hydrant"} and certain[0].unsure is None
    named = open_training(reader, sampler=SHUFFLED, looked_for=["dog_(animal)"])
    assert captions(named) == {"cat, dog, fire hydrant"}
    unsure = named[0].unsure
    assert unsure is not None and len(unsure) == 2


def test_a_fixed_prompt_keeps_all_names_and_marks_the_unknown_ones(
    open_training: OpenTraining, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    reader = listed(tmp_path, neg_category_ids=[], not_exhaustive_category_ids=[9])
    dataset = open_training(reader, looked_for="listed")
    sample = dataset[0]
    assert sample.prompt == dataset.prompts.common
    assert sample.unsure is not None and sample.unsure.tolist() == [1, 2]
    batch = Collate(tokenizer, training=True)([sample, open_training(reader)[0]])
    assert batch.unsure is not None
    masks = batch.phrase_masks[0]
    assert batch.unsure[0].equal(masks[1] | masks[2]) and not batch.unsure[1].any()
    assert Collate(tokenizer)([open_training(reader)[0]]).unsure is None
