"""Ground truth of captions: MDETR's files, and Flickr30k Entities' original annotations."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.formats.mdetr_evaluation import FlickrJson, ReferringJson
from glip_pl.data.indexing import open_index
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError
from tests.metrics.test_flickr30k import random_captions

SENTENCES = """[/EN#1/people A man] sees [/EN#2/animals/other two dogs] in [/EN#3/scene a park] .
Nothing is marked here .
"""
XML = """<annotation><size><width>90</width><height>80</height><depth>3</depth></size>
<object><name>1</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
<object><name>2</name><name>1</name><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
<object><name>3</name><scene>1</scene><nobndbox>1</nobndbox></object></annotation>
"""


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    """MDETR's file of a caption with two phrases, beside Flickr30k Entities' own files."""
    for name, text in (("Sentences/7.txt", SENTENCES), ("Annotations/7.xml", XML)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    caption = "A man sees two dogs in a park ."
    image = {
        "id": 4, "file_name": "7.jpg", "height": "80", "width": "90", "caption": caption,
        "tokens_positive_eval": [[[0, 5]], [[11, 19]]], "original_img_id": 7, "sentence_id": 0,
    }  # fmt: skip
    path = tmp_path / "flickr.json"
    path.write_text(json.dumps({"images": [image], "annotations": []}))
    return path


def test_boxes_and_kinds_are_those_of_the_original_annotations(annotations: Path) -> None:
    truth = FlickrJson(annotations, annotations.parent, entities=annotations.parent).truth()
    assert truth.boxes.tolist() == [[1, 2, 30, 40], [5, 5, 9, 9], [5, 5, 9, 9]]
    assert truth.box_offsets.tolist() == [0, 2, 3]
    assert truth.kinds == [["people"], ["animals", "other"]]


def test_original_annotations_of_another_release_are_refused(annotations: Path) -> None:
    folder = annotations.parent
    (folder / "Sentences/7.txt").write_text("[/EN#1/people A man] alone .\n")
    with pytest.raises(UserError, match=r"has 2 evaluated phrases, and sentence 0 .* has 1"):
        FlickrJson(annotations, folder, entities=folder).truth()
    (folder / "Annotations/7.xml").write_text("<annotation>")
    with pytest.raises(UserError, match=r"7\.xml"):
        FlickrJson(annotations, folder, entities=folder).truth()


def test_a_training_file_has_no_phrases_to_evaluate(annotations: Path) -> None:
    content = json.loads(annotations.read_text())
    del content["images"][0]["tokens_positive_eval"]
    annotations.write_text(json.dumps(content))
    with pytest.raises(UserError, match="caption 4 has no readable `tokens_positive_eval`"):
        FlickrJson(annotations, annotations.parent).truth()


def test_a_box_belongs_to_every_phrase_whose_spans_it_has(annotations: Path) -> None:
    content = json.loads(annotations.read_text())
    content["annotations"] = [
        {"id": 1, "image_id": 4, "bbox": [1, 2, 10, 20], "tokens_positive": [[0, 5], [11, 19]]},
        {"id": 2, "image_id": 4, "bbox": [5, 5, 4, 4], "tokens_positive": [[11, 19]]},
        {"id": 3, "image_id": 4, "bbox": [0, 0, 9, 9], "tokens_positive": [[2, 5]]},
    ]
    annotations.write_text(json.dumps(content))
    reader = FlickrJson(annotations, annotations.parent)
    truth = reader.truth()
    assert truth.boxes.tolist() == [[1, 2, 11, 22], [1, 2, 11, 22], [5, 5, 9, 9]]
    assert truth.box_offsets.tolist() == [0, 1, 3]
    assert truth.kinds is None
    (record,) = reader.read(Problems()).records
    assert record.targets.tolist() == [0, 1, 1]
    assert record.phrases == (((0, 5),), ((11, 19),))


def test_a_subset_of_the_captions_keeps_its_phrases(tmp_path: Path) -> None:
    path = tmp_path / "flickr.json"
    path.write_text(json.dumps(random_captions(random.Random(1), 8)))
    whole = FlickrJson(path, tmp_path).truth()
    selected = np.arange(8) % 2 == 1
    subset = whole.of_images(selected)
    boxes = [
        whole.boxes[whole.box_offsets[phrase] : whole.box_offsets[phrase + 1]]
        for row in np.flatnonzero(selected)
        for phrase in range(whole.phrases[row], whole.phrases[row + 1])
    ]
    np.testing.assert_array_equal(subset.boxes, np.concatenate(boxes))
    assert subset.phrases[-1] == len(boxes) == len(subset.box_offsets) - 1


def test_the_query_can_be_the_root_of_a_sentence(tmp_path: Path, indexes: Path) -> None:
    path = tmp_path / "refcoco.json"
    image = {"id": 1, "file_name": "a.jpg", "height": 99, "width": 99, "caption": "the left cat"}
    box = {"id": 1, "image_id": 1, "bbox": [0, 0, 20, 20], "tokens_positive": [[9, 12]]}
    path.write_text(json.dumps({"images": [image], "annotations": [box]}))
    whole = open_index(ReferringJson(path, tmp_path), indexes)
    root = open_index(ReferringJson(path, tmp_path, "root"), indexes)
    assert whole.phrases(0) == (((0, 12),),)
    assert root.phrases(0) == (((9, 12),),)
