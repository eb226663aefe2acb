import json
import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest

from glip_pl.data.filtering import BoxFilter, _phrase_texts
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.errors import UserError
from tests.data.formats.writers import coco, scenes

Line = tuple[str, Sequence[tuple[Sequence[float], float]]]
"""A phrase, and its boxes with their scores."""

BOXES = [([0, 0, 10, 10], 0.6), ([0, 0, 10, 9], 0.9), ([20, 20, 30, 30], 0.3)]


def index_of(lines: Sequence[Line], folder: Path) -> Index:
    entries = [
        {
            "filename": "a.png",
            "height": 64,
            "width": 64,
            "grounding": {
                "caption": f"a {phrase} here",
                "regions": [
                    {"bbox": box, "phrase": phrase, "tokens_positive": [[2, 2 + len(phrase)]],
                     "score": score}
                    for box, score in boxes
                ],
            },
        }
        for phrase, boxes in lines
    ]  # fmt: skip
    path = folder / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, entries)))
    return open_index(OdvgJsonl(path, folder), folder / "index")


def test_boxes_above_the_score_pass(tmp_path: Path) -> None:
    index = index_of([("dog", BOXES)], tmp_path)
    assert BoxFilter(0.5).of(index).mask(0).tolist() == [True, True, False]
    assert BoxFilter(0.5).of(index).above().tolist() == [True, True, False]


def test_of_overlapping_boxes_only_the_best_passes(tmp_path: Path) -> None:
    index = index_of([("dog", BOXES)], tmp_path)
    assert BoxFilter(0.2, nms=0.7).of(index).mask(0).tolist() == [False, True, True]
    assert BoxFilter(0.95, nms=0.7).of(index).mask(0).tolist() == [False] * 3


def test_records_need_enough_boxes_above_the_score(tmp_path: Path) -> None:
    lines: list[Line] = [("dog", BOXES[:2]), ("cat", BOXES[2:]), ("owl", []), ("dog", BOXES[1:2])]
    index = index_of(lines, tmp_path)
    assert BoxFilter(0.5).of(index).have_enough().tolist() == [True, False, False, True]
    assert BoxFilter(0.5, min_boxes=2).of(index).have_enough().tolist() == [
        True,
        False,
        False,
        False,
    ]


def test_a_phrase_that_scores_low_everywhere_has_a_lower_threshold(tmp_path: Path) -> None:
    def lines_of(phrase: str, best: float, times: int) -> list[Line]:
        return [(phrase, [([0, 0, 10, 10], best), ([5, 5, 20, 20], 0.15)])] * times

    lines = [*lines_of("dog", 0.9, 12), *lines_of("Newt", 0.45, 12), *lines_of("yeti", 0.2, 3)]
    index = index_of(lines, tmp_path)
    filtered = BoxFilter(0.5, floor=0.2).of(index)
    # The teacher is half as sure of newts as of dogs; of yetis there are too few captions.
    wanted = [[0.5] * 2] * 12 + [[0.25] * 2] * 12 + [[0.5] * 2] * 3
    thresholds = [filtered.thresholds[row].tolist() for row in range(len(index))]
    assert thresholds == [pytest.approx(values) for values in wanted]
    assert filtered.have_enough().tolist() == [True] * 24 + [False] * 3
    assert filtered.mask(12).tolist() == [True, False]
    assert not BoxFilter(0.5).of(index).have_enough()[12:24].any()
    assert BoxFilter(0.5, floor=0.4).of(index).thresholds[12].tolist() == pytest.approx([0.4] * 2)
    again = pickle.loads(pickle.dumps(filtered))
    assert again.above().tolist() == filtered.above().tolist()


def test_phrases_are_cut_out_of_captions_before_they_are_in_lower_case(tmp_path: Path) -> None:
    # In lower case the first letter has two characters, and later ones move.
    first_half, second_half = ("İzmir dog", BOXES[1:2]), ("izmir dog", BOXES[:1])
    index = index_of([first_half] * 12 + [second_half] * 12, tmp_path)
    first = BoxFilter(0.5, floor=0.1).of(index)
    assert _phrase_texts(index, 0) == ["i̇zmir dog"]
    assert _phrase_texts(index, 12) == ["izmir dog"]
    assert first.thresholds[0].tolist() == pytest.approx([0.5])
    assert first.thresholds[12].tolist() == pytest.approx([0.5 * 0.6 / 0.9])


def test_categories_have_no_thresholds_of_their_own(tmp_path: Path) -> None:
    index = open_index(coco(tmp_path, scenes(4)), tmp_path / "index")
    assert BoxFilter(0.5).of(index).above().all()
    with pytest.raises(UserError, match=r"box_filter\.floor=0\.3 .* set box_filter\.floor=null"):
        BoxFilter(0.5, floor=0.3).of(index)
