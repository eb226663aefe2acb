import json
from pathlib import Path

import pytest

from glip_pl.data.formats.mdetr_expressions import ExpressionsJson
from glip_pl.data.problems import Problems
from glip_pl.types import Prompt


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    """Three expressions of one picture, two of them of the same box, and one of another picture."""
    captions = ["left cat", "the cat by the door.", "right dog", "a hat"]
    images = [
        {"id": 7 + n, "file_name": f"{n // 3}.jpg", "height": 90, "width": 90, "caption": caption}
        for n, caption in enumerate(captions)
    ]
    boxes = [[1, 2, 30, 40], [1, 2, 30, 40], [50, 2, 20, 40], [5, 5, 9, 9]]
    roots = [[[5, 8]], [[4, 7]], [[6, 9]], [[2, 5]]]
    entries = [
        {"id": n, "image_id": 7 + n, "bbox": box, "tokens_positive": root}
        for n, (box, root) in enumerate(zip(boxes, roots, strict=True))
    ]
    path = tmp_path / "refcoco.json"
    path.write_text(json.dumps({"images": images, "annotations": entries}))
    return path


def test_expressions_of_a_picture_are_one_prompt(annotations: Path) -> None:
    first, second = ExpressionsJson(annotations, annotations.parent).read(Problems()).records
    assert (first.image, first.image_id, second.image, second.image_id) == ("0.jpg", 7, "1.jpg", 10)
    assert first.caption == "left cat. the cat by the door. right dog."
    assert first.boxes.tolist() == [[1, 2, 31, 42], [50, 2, 70, 42]]
    prompt = Prompt(first.caption, first.phrases)
    texts = [prompt.phrase_text(target) for target in first.targets]
    assert texts == ["left cat the cat by the door.", "right dog"]  # the phrase of each box
    assert second.caption == "a hat."


def test_the_words_that_the_file_marks_can_be_the_phrases(annotations: Path) -> None:
    first, _ = ExpressionsJson(annotations, annotations.parent, "root").read(Problems()).records
    assert first.caption is not None
    prompt = Prompt(first.caption, first.phrases)
    assert [prompt.phrase_text(target) for target in first.targets] == ["cat cat", "dog"]
