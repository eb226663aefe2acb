"""Recall on Flickr30k Entities is that of the plain reference."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl.data.formats.mdetr_evaluation import FlickrJson
from glip_pl.data.truth import PhraseTruth
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.flickr30k import Flickr30kRecall, flickr_figures
from tests.metrics import reference

WORDS = ["a red cat", "two dogs", "the tree", "snow"]


def random_captions(draw: random.Random, count: int) -> dict[str, Any]:
    """Captions in MDETR's format, in any order; a box belongs to one phrase or to two."""
    content: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    for number in draw.sample(range(1, 900), count):
        words = draw.sample(WORDS, draw.randint(1, 4))
        caption = " and ".join(words)
        spans = [[caption.index(word), caption.index(word) + len(word)] for word in words]
        queries = spans[: draw.randint(0, len(spans))]
        content["images"].append(
            {
                "id": number, "file_name": f"{number % 7}.jpg", "height": "90", "width": "120",
                "caption": caption, "tokens_positive_eval": [[span] for span in queries],
                "original_img_id": number % 7, "sentence_id": number % 5,
            }
        )  # fmt: skip
        for span in queries:
            for _ in range(draw.randint(1, 3)):
                content["annotations"].append(
                    {
                        "id": len(content["annotations"]), "image_id": number, "iscrowd": 0,
                        "bbox": [draw.randint(0, 20), draw.randint(0, 20), 20, 30],
                        "tokens_positive": [span, draw.choice([*queries, span, span])],
                    }
                )  # fmt: skip
    return content


def random_detections(draw: random.Random, truth: PhraseTruth) -> DetectionsTable:
    """Detections with equal scores; some phrases have none."""
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


def boxes_of_phrases(content: dict[str, Any]) -> list[list[Sequence[float]]]:
    """Corners of the boxes of each phrase, in the order of image ids."""
    return [
        [
            (x, y, x + width, y + height)
            for annotation in content["annotations"]
            if annotation["image_id"] == image["id"] and span in annotation["tokens_positive"]
            for x, y, width, height in [annotation["bbox"]]
        ]
        for image in sorted(content["images"], key=lambda image: image["id"])
        for (span,) in image["tokens_positive_eval"]
    ]


def answers_of_phrases(
    content: dict[str, Any], detections: DetectionsTable
) -> list[list[Sequence[float]]]:
    """Corners of the detections of each phrase, best first, in the order of image ids."""
    answers = []
    for image, entry in enumerate(sorted(content["images"], key=lambda image: image["id"])):
        for phrase in range(len(entry["tokens_positive_eval"])):
            is_of_phrase = (detections.images == image) & (detections.labels == phrase)
            rows = np.flatnonzero(is_of_phrase).tolist()
            rows = sorted(rows, key=lambda row: -detections.scores[row])
            answers.append([detections.boxes[row].tolist() for row in rows])
    return answers


@pytest.mark.parametrize("seed", range(20))
def test_recall_is_that_of_the_reference(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    content = random_captions(draw, 8)
    path = tmp_path / "flickr.json"
    path.write_text(json.dumps(content))
    truth = FlickrJson(path, tmp_path).truth()
    detections = random_detections(draw, truth)
    phrases, answers = boxes_of_phrases(content), answers_of_phrases(content, detections)
    figures = flickr_figures(truth, detections)
    for limit in (1, 5, 10):
        for suffix, union in (("", False), ("_merged", True)):
            known = reference.recall_at(phrases, answers, limit, union)
            assert figures[f"R@{limit}{suffix}"] == pytest.approx(known)
    assert figures["R@all"] == pytest.approx(reference.recall_at(phrases, answers, 10**9, False))


def test_kinds_of_phrases_have_figures_of_their_own() -> None:
    truth = PhraseTruth(
        image_ids=np.array([4]),
        phrases=np.array([0, 2]),
        boxes=np.array([[1.0, 2, 30, 40], [5, 5, 9, 9]]),
        box_offsets=np.array([0, 1, 2]),
        kinds=[["people"], ["animals", "other"]],
    )
    detections = DetectionsTable(
        np.zeros(1, int), np.ones(1, int), np.ones(1), np.asarray([[5.0, 5, 9, 9]])
    )
    figures = flickr_figures(truth, detections)
    assert figures["R@1"] == 0.5
    assert figures["R@1/animals"] == figures["R@1/other"] == 1
    assert figures["R@1/people"] == 0
    metric = Flickr30kRecall(lambda: truth)
    assert {metric.headline, *metric.columns} <= figures.keys()
    assert metric.missed_per_image(truth, detections).tolist() == [1]
    corners = np.array([[1.0, 2, 3, 4]])
    assert metric.measured_boxes(corners).tolist() == corners.tolist()
