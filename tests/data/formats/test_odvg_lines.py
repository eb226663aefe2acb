from typing import Any

import numpy as np
import pytest

from glip_pl.data.formats.odvg_lines import records_of

HEAD = {"filename": "a.png", "height": "20", "width": 30}


def grounding(caption: str, *regions: dict[str, Any]) -> dict[str, Any]:
    return HEAD | {"grounding": {"caption": caption, "regions": regions}}


def detection(*instances: dict[str, Any]) -> dict[str, Any]:
    return HEAD | {"detection": {"instances": instances}}


def test_detection_lines_have_labels_and_scores() -> None:
    line = detection(
        {"bbox": [1, 2, 3, 4], "label": 1, "score": 0.5}, {"bbox": [5, 6, 7, 8], "label": 0}
    )
    (record,) = records_of(line, image_id=9, category_count=2, block=3)
    assert (record.image, record.size, record.image_id, record.block) == ("a.png", (20, 30), 9, 3)
    assert record.caption is None
    assert record.boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert record.targets.tolist() == [1, 0]
    assert record.scores is not None and record.scores.tolist() == [0.5, 1]


def test_labels_must_be_categories() -> None:
    line = detection({"bbox": [1, 2, 3, 4], "label": 2})
    with pytest.raises(ValueError, match=r"labels \[2\] with 2 categories"):
        records_of(line, 0, category_count=2)


def test_regions_have_several_boxes_and_a_score_for_each_or_for_all() -> None:
    line = grounding(
        "two dogs, a cat",
        {"bbox": [[0, 0, 1, 1], [2, 2, 3, 3]], "tokens_positive": [[0, 8]], "score": [0.5, 0.25]},
        {"bbox": [4, 4, 5, 5], "tokens_positive": [[10, 15]], "score": 0.75},
        {"bbox": [6, 6, 7, 7], "tokens_positive": []},  # without words it is left out
    )
    (record,) = records_of(line, 0, 0)
    assert record.phrases == (((0, 8),), ((10, 15),))
    assert record.targets.tolist() == [0, 0, 1]
    assert record.boxes[:, 0].tolist() == [0, 2, 4]
    assert record.scores is not None and record.scores.tolist() == [0.5, 0.25, 0.75]


def test_every_box_needs_a_score_if_they_are_listed() -> None:
    region = {"bbox": [[0, 0, 1, 1], [2, 2, 3, 3]], "tokens_positive": [[0, 4]], "score": [0.5]}
    with pytest.raises(ValueError, match="1 scores for 2 boxes"):
        records_of(grounding("dogs", region), 0, 0)


def test_phrases_without_spans_are_looked_up_as_whole_words() -> None:
    caption = "A woman walks beside a man ."
    (record,) = records_of(grounding(caption, {"bbox": [1, 1, 5, 5], "phrase": "Man"}), 0, 0)
    assert record.phrases == (((23, 26),),)
    assert record.caption == caption


def test_phrases_that_do_not_occur_become_the_caption() -> None:
    line = grounding(
        "A street .",
        {"bbox": [1, 1, 5, 5], "phrase": ["tree", "red car"]},
        {"bbox": [2, 2, 5, 5], "phrase": "tree"},
    )
    (record,) = records_of(line, 0, 0)
    assert record.caption == "tree . red car ."
    assert record.phrases == (((0, 4), (7, 14)), ((0, 4),))
    assert np.asarray(record.targets).tolist() == [0, 1]


def test_a_line_with_both_kinds_of_boxes_has_two_records() -> None:
    detection = {"instances": [{"bbox": [1, 1, 5, 5], "label": 1, "category": "cat"}]}
    grounding = {"caption": "a cat", "regions": [{"bbox": [2, 2, 9, 9], "phrase": "cat"}]}
    head: dict[str, Any] = {"filename": "a.png", "height": 20, "width": 20}
    both = head | {"detection": detection, "grounding": grounding}
    boxes, caption = records_of(both, 3, 2)
    assert (boxes.caption, boxes.targets.tolist(), boxes.image_id) == (None, [1], 3)
    assert (caption.caption, caption.boxes.tolist(), caption.image_id) == (
        "a cat",
        [[2, 2, 9, 9]],
        3,
    )
    for part, empty, caption_left in (
        ("detection", {"instances": []}, "a cat"),
        ("detection", None, "a cat"),
        ("grounding", {"caption": "a cat", "regions": []}, None),
        ("grounding", None, None),
    ):
        (only,) = records_of({**both, part: empty}, 3, 2)
        assert only.caption == caption_left
    with pytest.raises(KeyError, match="detection or grounding"):
        records_of(head, 3, 2)
    with pytest.raises(ValueError, match=r"labels \[1\] with 0 categories"):
        records_of(both, 3, 0)
