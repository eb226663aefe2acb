import numpy as np

from glip_pl.annotations.odvg_grounding import grounding_of
from glip_pl.data.formats.odvg_lines import records_of

CAPTION = "a red cat and a dog"
PHRASES = [((0, 9),), ((2, 5), (16, 19)), ((16, 19),)]
BOXES = np.asarray([[1.00004, 2, 3, 4], [5, 6, 7, 8], [9, 9, 9.5, 9.5]])


def test_a_phrase_with_boxes_is_a_region() -> None:
    grounding = grounding_of(CAPTION, PHRASES, BOXES, [1, 0, 1], np.asarray([0.12345, 1, 0.5]))
    assert grounding == {
        "caption": CAPTION,
        "regions": [
            {
                "bbox": [[1.0, 2, 3, 4], [9, 9, 9.5, 9.5]],
                "phrase": ["red", "dog"],
                "tokens_positive": [[2, 5], [16, 19]],
                "score": [0.1234, 0.5],
            },
            {
                "bbox": [[5, 6, 7, 8]],
                "phrase": ["a red cat"],
                "tokens_positive": [[0, 9]],
                "score": [1.0],
            },
        ],
    }


def test_annotations_of_people_have_no_scores() -> None:
    regions = grounding_of(CAPTION, PHRASES, BOXES, [0, 1, 2], None)["regions"]
    assert [sorted(region) for region in regions] == [["bbox", "phrase", "tokens_positive"]] * 3


def test_what_is_written_is_read_back() -> None:
    grounding = grounding_of(CAPTION, PHRASES, BOXES, [0, 1, 2], None)
    line = {"filename": "a.png", "height": 20, "width": 20, "grounding": grounding}
    (record,) = records_of(line, 0, 0)
    assert record.phrases == tuple(PHRASES)
    assert record.boxes.tolist() == np.round(BOXES, 4).tolist()
