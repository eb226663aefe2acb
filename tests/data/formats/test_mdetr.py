import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.dataset_factory import training_set
from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.problems import Problems
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError
from glip_pl.prompts.tokens import Tokenizer

CAPTION = "two men and a dog with a red ball"


def mdetr(**changes: Any) -> dict[str, Any]:
    """An MDETR file: sizes are texts, there are no categories, and boxes have spans."""
    image = {"id": 1, "file_name": "a.png", "height": "40", "width": "60", "caption": CAPTION}
    return {
        "images": [image, image | {"id": 2, "caption": "nobody"}],
        "categories": [],
        "annotations": [
            {"id": 1, "image_id": 1, "bbox": [0, 0, 10, 20], "tokens_positive": [[0, 7]]},
            {"id": 2, "image_id": 1, "bbox": [20, 0, 10, 20], "tokens_positive": [[0, 7]]},
            {
                "id": 3,
                "image_id": 1,
                "bbox": [40, 9, 9, 9],
                "tokens_positive": [[12, 17], [23, 33]],
            },
            {"id": 4, "image_id": 1, "bbox": [40, 9, 9, 9], "tokens_positive": []},
        ],
    } | changes


def opened(folder: Path, tokenizer: Tokenizer, **changes: Any) -> GroundedDataset:
    Image.new("RGB", (60, 40)).save(folder / "a.png")
    path = folder / "captions.json"
    path.write_text(json.dumps(mdetr(**changes)))
    reader = MdetrJson(path, folder)
    return training_set(reader, folder / "index", ResizeFlip([40], 100), tokenizer)


def test_boxes_with_the_same_spans_share_a_phrase(tmp_path: Path, tokenizer: Tokenizer) -> None:
    dataset = opened(tmp_path, tokenizer)
    assert len(dataset) == 1  # the caption without boxes is left out of training
    sample = dataset[0]
    assert sample.prompt.caption == CAPTION
    assert sample.prompt.phrases == (((0, 7),), ((12, 17), (23, 33)))
    assert [sample.prompt.phrase_text(i) for i in range(2)] == ["two men", "a dog a red ball"]
    assert sample.phrase_ids.tolist() == [0, 0, 1]
    assert sample.boxes[1].tolist() == [20, 0, 29, 19]


def test_spans_outside_the_caption_are_named(tmp_path: Path, tokenizer: Tokenizer) -> None:
    annotation = {"id": 8, "image_id": 1, "bbox": [0, 0, 9, 9], "tokens_positive": [[30, 99]]}
    with pytest.raises(UserError, match=r"'a.png' .* has the span \[30, 99\) in a caption of 33"):
        opened(tmp_path, tokenizer, annotations=[annotation])


def test_a_file_without_boxes_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match="no image with a box"):
        opened(tmp_path, tokenizer, annotations=[])


def test_malformed_spans_and_scores_leave_a_box_out(tmp_path: Path) -> None:
    box = {"image_id": 1, "bbox": [0, 0, 9, 9], "tokens_positive": [[0, 3]]}
    boxes = [
        box | {"id": 5, "tokens_positive": [["two", 3]]},
        box | {"id": 6, "score": "high"},
        box | {"id": 7, "score": "0.5"},
    ]
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(mdetr(annotations=boxes)))
    problems = Problems(tolerate=1.0)
    record, empty = MdetrJson(path, tmp_path).read(problems).records
    assert record.scores is not None and record.scores.tolist() == [0.5]
    assert len(empty.boxes) == 0
    assert problems.counts == {"malformed spans": 1, "malformed score": 1}
    with pytest.raises(UserError, match="annotation 6 has the `score` 'high'"):
        path.write_text(json.dumps(mdetr(annotations=boxes[1:])))
        list(MdetrJson(path, tmp_path).read(Problems()).records)
