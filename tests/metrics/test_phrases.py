"""Flickr30k and RefCOCO against the plain reference."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl.data.formats.mdetr_evaluation import FlickrJson, ReferringJson
from glip_pl.data.truth import PhraseTruth
from glip_pl.errors import UserError
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.flickr30k import flickr_figures
from glip_pl.metrics.phrases import giou
from glip_pl.metrics.referring import referring_figures
from tests.metrics import reference

WORDS = ["a red cat", "two dogs", "the tree", "snow"]


def flickr(draw: random.Random, captions: int) -> dict[str, Any]:
    """MDETR's form: boxes belong to one phrase or two, captions come in no order, one has none."""
    content: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    for number in draw.sample(range(1, 900), captions):
        words = draw.sample(WORDS, draw.randint(1, 4))
        caption = " and ".join(words)
        spans = [[caption.index(word), caption.index(word) + len(word)] for word in words]
        asked = [] if number == content["images"][:1] else spans[: draw.randint(0, len(spans))]
        content["images"].append(
            {
                "id": number, "file_name": f"{number % 7}.jpg", "height": "90", "width": "120",
                "caption": caption, "tokens_positive_eval": [[span] for span in asked],
                "original_img_id": number % 7, "sentence_id": number % 5,
            }
        )  # fmt: skip
        for span in asked:
            for _ in range(draw.randint(1, 3)):
                content["annotations"].append(
                    {
                        "id": len(content["annotations"]), "image_id": number, "iscrowd": 0,
                        "bbox": [draw.randint(0, 20), draw.randint(0, 20), 20, 30],
                        "tokens_positive": [span, draw.choice([*asked, span, span])],
                    }
                )  # fmt: skip
    return content


def answers(draw: random.Random, truth: PhraseTruth) -> DetectionsTable:
    """Scores with ties; some phrases without an answer."""
    rows = []
    for image, (first, end) in enumerate(zip(truth.phrases, truth.phrases[1:], strict=False)):
        for phrase in range(int(end - first)):
            for _ in range(draw.choice([0, 1, 14])):
                x, y = draw.randint(0, 25), draw.randint(0, 25)
                box = (x, y, x + 20, y + draw.randint(20, 40))
                rows.append((image, phrase, draw.choice([0.2, 0.5, 0.9]), box))
    images, labels, scores, boxes = zip(*rows, strict=True)
    return DetectionsTable(
        np.asarray(images), np.asarray(labels), np.asarray(scores), np.asarray(boxes, dtype=float)
    )


@pytest.mark.parametrize("seed", range(20))
def test_flickr_is_the_reference(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    content = flickr(draw, 8)
    path = tmp_path / "flickr.json"
    path.write_text(json.dumps(content))
    truth = FlickrJson(path, tmp_path).truth()
    found = answers(draw, truth)
    phrases, lists = [], []
    for row, image in enumerate(sorted(content["images"], key=lambda one: one["id"])):
        for place, (span,) in enumerate(image["tokens_positive_eval"]):
            phrases.append(
                [
                    (x, y, x + w, y + h)
                    for one in content["annotations"]
                    if one["image_id"] == image["id"] and span in one["tokens_positive"]
                    for x, y, w, h in [one["bbox"]]
                ]
            )
            asked = np.flatnonzero((found.images == row) & (found.labels == place)).tolist()
            mine = sorted(asked, key=lambda one: -found.scores[one])
            lists.append([found.boxes[one].tolist() for one in mine])
    figures = flickr_figures(truth, found)
    for limit in (1, 5, 10):
        for suffix, union in (("", False), ("_merged", True)):
            known = reference.recall_at(phrases, lists, limit, union)
            assert figures[f"R@{limit}{suffix}"] == pytest.approx(known)
    assert figures["R@all"] == pytest.approx(reference.recall_at(phrases, lists, 10**9, False))


def test_a_part_of_the_captions_keeps_its_phrases(tmp_path: Path) -> None:
    path = tmp_path / "flickr.json"
    path.write_text(json.dumps(flickr(random.Random(1), 8)))
    whole = FlickrJson(path, tmp_path).truth()
    kept = np.arange(8) % 2 == 1
    part = whole.of_images(kept)
    boxes = [
        whole.boxes[whole.box_offsets[phrase] : whole.box_offsets[phrase + 1]]
        for row in np.flatnonzero(kept)
        for phrase in range(whole.phrases[row], whole.phrases[row + 1])
    ]
    np.testing.assert_array_equal(part.boxes, np.concatenate(boxes))
    assert part.phrases[-1] == len(boxes) == len(part.box_offsets) - 1


SENTENCES = """[/EN#1/people A man] sees [/EN#2/animals/other two dogs] in [/EN#3/scene a park] .
Nothing is marked here .
"""
XML = """<annotation><size><width>90</width><height>80</height><depth>3</depth></size>
<object><name>1</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
<object><name>2</name><name>1</name><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
<object><name>3</name><scene>1</scene><nobndbox>1</nobndbox></object></annotation>
"""


def entities(folder: Path) -> tuple[Path, Path]:
    for name, text in (("Sentences/7.txt", SENTENCES), ("Annotations/7.xml", XML)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    caption = "A man sees two dogs in a park ."
    image = {
        "id": 4, "file_name": "7.jpg", "height": "80", "width": "90", "caption": caption,
        "tokens_positive_eval": [[[0, 5]], [[11, 19]]], "original_img_id": 7, "sentence_id": 0,
    }  # fmt: skip
    path = folder / "flickr.json"
    path.write_text(json.dumps({"images": [image], "annotations": []}))
    return path, folder


def test_boxes_and_kinds_of_the_original_annotations(tmp_path: Path) -> None:
    path, folder = entities(tmp_path)
    truth = FlickrJson(path, tmp_path, entities=folder).truth()
    assert truth.boxes.tolist() == [[1, 2, 30, 40], [5, 5, 9, 9], [5, 5, 9, 9]]
    assert truth.box_offsets.tolist() == [0, 2, 3]
    assert truth.kinds == [["people"], ["animals", "other"]]
    found = DetectionsTable(
        np.zeros(1, int), np.ones(1, int), np.ones(1), np.asarray([[5.0, 5, 9, 9]])
    )
    figures = flickr_figures(truth, found)
    assert figures["R@1"] == 0.5
    assert figures["R@1/animals"] == 1
    assert figures["R@1/people"] == 0


def test_annotations_of_another_release_are_told(tmp_path: Path) -> None:
    path, folder = entities(tmp_path)
    (folder / "Sentences/7.txt").write_text("[/EN#1/people A man] alone .\n")
    with pytest.raises(UserError, match=r"asks for 2 phrases, and sentence 0 .* has 1"):
        FlickrJson(path, tmp_path, entities=folder).truth()
    (folder / "Annotations/7.xml").write_text("<annotation>")
    with pytest.raises(UserError, match=r"7\.xml"):
        FlickrJson(path, tmp_path, entities=folder).truth()


def test_a_training_file_has_no_phrases_to_ask_for(tmp_path: Path) -> None:
    path, _ = entities(tmp_path)
    content = json.loads(path.read_text())
    del content["images"][0]["tokens_positive_eval"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="caption 4 has no readable `tokens_positive_eval`"):
        FlickrJson(path, tmp_path).truth()


def test_a_sentence_means_one_box(tmp_path: Path) -> None:
    path = tmp_path / "refcoco.json"
    images = [
        {"id": 9 - n, "file_name": "a.jpg", "height": 99, "width": 99, "caption": "the left cat"}
        for n in range(3)
    ]
    annotations = [
        {"id": n, "image_id": 9 - n, "bbox": [10 * n, 0, 20, 20], "tokens_positive": [[9, 12]]}
        for n in range(3)
    ]
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    truth = ReferringJson(path, tmp_path).truth()
    assert truth.image_ids.tolist() == [7, 8, 9]
    # Right at once; right at the second place; IoU 0.6, but not so by the generalised one.
    found = DetectionsTable(
        np.asarray([0, 1, 1, 2]),
        np.zeros(4, int),
        np.asarray([0.9, 0.2, 0.8, 0.5]),
        np.asarray([[20.0, 0, 40, 20], [10, 0, 30, 20], [60, 60, 70, 70], [0, 0, 11, 20]]),
    )
    figures = referring_figures(truth, found)
    assert figures["P@1"] == pytest.approx(2 / 3)
    assert figures["P@5"] == 1
    assert figures["P@1_giou"] == pytest.approx(2 / 3)
    far = giou(np.asarray([[0.0, 0, 10, 10]]), np.asarray([[20.0, 0, 30, 10]]))
    assert far == pytest.approx(-1 / 3)


def test_the_root_of_a_sentence_can_be_asked_for(tmp_path: Path, indexes: Path) -> None:
    from glip_pl.data.indexing import open_index

    path = tmp_path / "refcoco.json"
    image = {"id": 1, "file_name": "a.jpg", "height": 99, "width": 99, "caption": "the left cat"}
    box = {"id": 1, "image_id": 1, "bbox": [0, 0, 20, 20], "tokens_positive": [[9, 12]]}
    path.write_text(json.dumps({"images": [image], "annotations": [box]}))
    whole = open_index(ReferringJson(path, tmp_path), indexes)
    root = open_index(ReferringJson(path, tmp_path, "root"), indexes)
    assert whole.phrases(0) == (((0, 12),),)
    assert root.phrases(0) == (((9, 12),),)
