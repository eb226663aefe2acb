import numpy as np
import pytest

from glip_pl.data.records import box_array, captioned


def test_boxes_with_equal_spans_share_a_phrase() -> None:
    dog, ball = ((0, 3),), ((0, 3), (11, 15))
    record = captioned("a.jpg", (30, 40), 7, np.zeros((3, 4)), "dog with a ball", [ball, dog, ball])
    assert record.phrases == (ball, dog)
    assert record.targets.tolist() == [0, 1, 0]
    assert (record.image, record.size, record.image_id) == ("a.jpg", (30, 40), 7)
    assert record.scores is None and record.block == 0


def test_a_caption_may_have_no_boxes() -> None:
    record = captioned("a.jpg", (30, 40), 7, box_array([]), "a dog", [])
    assert record.phrases == () and record.targets.tolist() == []
    assert record.targets.dtype == np.int64


def test_box_arrays_have_four_columns_even_without_boxes() -> None:
    assert box_array([]).shape == (0, 4)
    assert box_array([[1, 2, 3, 4]]).tolist() == [[1.0, 2.0, 3.0, 4.0]]


def test_lists_that_are_not_boxes_are_refused() -> None:
    for boxes in ([[1.0, 2, 3]], [[1.0, 2, 3, 4], [5.0]]):
        with pytest.raises(ValueError, match=r"reshape|inhomogeneous"):
            box_array(boxes)
    with pytest.raises(TypeError):
        box_array([[{}, 2, 3, 4]])  # type: ignore[list-item]  # as a broken file may have it
