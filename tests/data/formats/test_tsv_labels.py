from typing import Any

import pytest

from glip_pl.data.formats.tsv_labels import record_of, size_of

LABELS = {"cat": 0, "dog": 1}
DOG: dict[str, Any] = {"class": "dog", "rect": [1, 2, 3, 4], "conf": 0.5}


@pytest.mark.parametrize(
    "text", [b'{"height": 40, "width": "60"}', b'[{"height": 40, "width": 60}]', b"40 60"]
)
def test_a_size_has_three_forms(text: bytes) -> None:
    assert size_of(text) == (40, 60)


def test_other_sizes_are_refused() -> None:
    for text in (b"", b"40", b"[]", b'{"height": 40}'):
        with pytest.raises((ValueError, LookupError)):
            size_of(text)


@pytest.mark.parametrize("label", [[DOG], {"objects": [DOG]}])
def test_objects_have_their_last_pixel_inside(label: Any) -> None:
    record = record_of(label, "0:17", 5, (40, 60), LABELS)
    assert (record.image, record.image_id, record.size) == ("0:17", 5, (40, 60))
    assert record.boxes.tolist() == [[1, 2, 4, 5]]
    assert record.targets.tolist() == [1]
    assert record.scores is not None and record.scores.tolist() == [0.5]


def test_the_size_may_be_in_the_label() -> None:
    label = {"objects": [], "img_h": 40, "img_w": 60}
    assert record_of(label, "0:0", 0, None, LABELS).size == (40, 60)
    with pytest.raises(ValueError, match="there is no hw file"):
        record_of([], "0:0", 0, None, LABELS)


def test_both_versions_of_captions_are_the_same_record() -> None:
    caption = {"caption": "a cat and dogs", "img_h": 40, "img_w": 60}
    boxes = [[1, 1, 2, 2], [3, 3, 4, 4], [5, 5, 6, 6]]
    cat, dogs = [[0, 5]], [[10, 14]]
    by_box = {"bboxes": boxes, "tokens_positive": [cat, dogs, dogs], "scores": [0.5, 0.25, 1]}
    by_phrase = {
        "bboxes": [boxes[:1], boxes[1:]],
        "tokens_positive": [cat, dogs],
        "scores": [[0.5], [0.25, 1]],
    }
    for fields in (by_box, by_phrase):
        record = record_of(caption | fields, "0:0", 0, None, LABELS)
        assert record.caption == "a cat and dogs"
        assert record.boxes[:, 2].tolist() == [3, 5, 7]
        assert record.phrases == (((0, 5),), ((10, 14),))
        assert record.targets.tolist() == [0, 1, 1]
        assert record.scores is not None and record.scores.tolist() == [0.5, 0.25, 1]


def test_a_caption_may_come_alone_or_in_sentences() -> None:
    record = record_of([{"captions": ["A cat.", "A dog."]}], "0:0", 0, (40, 60), LABELS)
    assert record.caption == "A cat. A dog."
    assert record.boxes.shape == (0, 4)


def test_lists_of_different_lengths_are_refused() -> None:
    label = {"caption": "a cat", "bboxes": [[1, 1, 2, 2]], "tokens_positive": []}
    with pytest.raises(ValueError, match="have different lengths"):
        record_of(label, "0:0", 0, (40, 60), LABELS)
