import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from glip_pl.data.dataset import GroundedDataset
from glip_pl.data.dataset_factory import evaluation_set, training_set
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.problems import Problems
from glip_pl.data.transforms import ResizeFlip
from glip_pl.errors import UserError
from glip_pl.metrics.coco import COCOAveragePrecision, coco_figures
from glip_pl.metrics.detections_file import write_detections
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.tokens import Tokenizer
from tests.metrics.cases import pycocotools_figures

SAME_SIZE = ResizeFlip([40], 100)


def coco(**changes: Any) -> dict[str, Any]:
    """Two pictures, three categories out of order, three boxes."""
    return {
        "images": [
            {"id": 7, "file_name": "a.png", "height": 40, "width": 60},
            {"id": 3, "file_name": "b.png", "height": 40, "width": 60},
        ],
        "categories": [
            {"id": 9, "name": "dog"},
            {"id": 2, "name": "traffic_light"},
            {"id": 5, "name": "cat (animal)"},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 9, "bbox": [10, 5, 20, 10]},
            {"id": 2, "image_id": 7, "category_id": 2, "bbox": [0, 0, 60, 40]},
            {"id": 3, "image_id": 7, "category_id": 2, "bbox": [1, 1, 5, 5], "iscrowd": 1},
        ],
    } | changes


@pytest.fixture
def write(tmp_path: Path, indexes: Path) -> Any:
    """Opens a COCO file with two pictures: for training if it is given a sampler."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (60, 40)).save(tmp_path / name)

    def opened(tokenizer: Tokenizer, **options: Any) -> GroundedDataset:
        changes = options.pop("changes", {})
        path = tmp_path / "boxes.json"
        path.write_text(json.dumps(coco(**changes)))
        reader = CocoJson(path, tmp_path)
        if "sampler" not in options:
            return evaluation_set(
                reader, indexes, SAME_SIZE, tokenizer, COCOAveragePrecision, **options
            )
        return training_set(reader, indexes, SAME_SIZE, tokenizer, **options)

    return opened


def test_the_prompt_of_evaluation_has_all_names_in_the_order_of_their_ids(
    write: Any, tokenizer: Tokenizer
) -> None:
    dataset = write(tokenizer)
    assert len(dataset) == 2
    sample = dataset[0]
    assert sample.prompt.caption == "traffic light. cat . dog"
    assert sample.phrase_ids.tolist() == [2, 0]
    # Both corners lie inside the box: x2 = x + width - 1. The crowd is left out.
    assert sample.boxes.tolist() == [[10, 5, 29, 14], [0, 0, 59, 39]]
    assert (sample.image_id, sample.original_size) == (7, (40, 60))
    assert dataset[1].boxes.shape == (0, 4)


def test_training_prompts_are_shuffled_and_contain_the_categories_of_the_boxes(
    write: Any, tokenizer: Tokenizer
) -> None:
    dataset = write(tokenizer, sampler=CategorySampler())
    assert len(dataset) == 1
    captions = set()
    for seed in range(20):
        sample = dataset.sample(0, np.random.default_rng(seed))
        captions.add(sample.prompt.caption)
        texts = [sample.prompt.phrase_text(int(i)) for i in sample.phrase_ids]
        assert texts == ["dog", "traffic light"]
    assert len(captions) > 3


def test_the_same_seed_gives_the_same_prompts(write: Any, tokenizer: Tokenizer) -> None:
    dataset = write(tokenizer, sampler=CategorySampler())
    captions = [dataset.sample(0, np.random.default_rng(3)).prompt.caption for _ in range(2)]
    assert captions[0] == captions[1]


def test_every_mistake_in_a_file_is_named(write: Any, tokenizer: Tokenizer) -> None:
    box = {"id": 44, "image_id": 7, "category_id": 9}
    cases: list[tuple[dict[str, Any], str]] = [
        (
            {"annotations": [box | {"bbox": [50, 5, 30, 10]}]},
            r"image 'a.png' of 60x40 pixels has the box \[50.0, 5.0, 30.0, 10.0\]",
        ),
        ({"annotations": [box | {"bbox": [float("nan"), 5, 3, 1]}]}, "NaN and Infinity are not"),
        ({"annotations": [box | {"bbox": [None, 5, 3, 1]}]}, "annotation 44 has the box"),
        ({"annotations": [box | {"bbox": [1, 2, 3]}]}, "annotation 44"),
        ({"annotations": [box]}, "annotation 44 has no `bbox`"),
        (
            {"annotations": [{**box, "category_id": 4, "bbox": [1, 1, 2, 2]}]},
            r"annotation 44 has the category 4, which is not in `categories` \(2, 5, 9\)",
        ),
        ({"annotations": [{**box, "image_id": 5, "bbox": [1, 1, 2, 2]}]}, "belongs to image 5"),
        (
            {"images": [{"id": 1, "file_name": "a.png", "width": 3}]},
            "entry 0 of `images` has no `height`",
        ),
        ({"images": coco()["images"] + coco()["images"][:1]}, "image id 7 occurs twice"),
        ({"images": None}, "is not COCO-style"),
    ]
    for changes, message in cases:
        with pytest.raises(UserError, match=message):
            write(tokenizer, changes=changes)


def test_boxes_can_be_clipped_and_empty_ones_are_left_out(
    write: Any, tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 9, "bbox": [50, 5, 30, 10]},
        {"id": 2, "image_id": 7, "category_id": 9, "bbox": [5, 5, 0, 10]},
        {"id": 3, "image_id": 7, "category_id": 9, "bbox": [-50, 5, 30, 10]},
    ]
    dataset = write(tokenizer, changes={"annotations": annotations}, out_of_image="clip")
    assert dataset[0].boxes.tolist() == [[50, 5, 59, 14]]
    assert "2 x box without area" in caplog.text


def test_category_ids_may_be_texts_or_fractions(write: Any, tokenizer: Tokenizer) -> None:
    annotation = {"id": 1, "image_id": 7, "bbox": [1, 1, 5, 5]}
    for category in ("9", 9.0):
        changes = {"annotations": [annotation | {"category_id": category, "iscrowd": "0"}]}
        assert len(write(tokenizer, changes=changes)[0].boxes) == 1


def test_a_file_of_crowds_alone_is_refused_with_the_reason(
    write: Any, tokenizer: Tokenizer
) -> None:
    annotation = {"id": 1, "image_id": 7, "bbox": [1, 1, 5, 5], "category_id": 9, "iscrowd": 1}
    with pytest.raises(UserError, match=r"nothing to train on \(crowds, iscrowd=1, are left out"):
        write(tokenizer, changes={"annotations": [annotation]}, sampler=CategorySampler())


def sample_of(folder: Path, tokenizer: Tokenizer, picture: Image.Image, **saved: Any) -> Any:
    """The sample of a picture annotated as 40 high and 60 wide, with a box at [10, 5, 20, 10]."""
    picture.save(folder / "a.jpg", **saved)
    content = coco(annotations=coco()["annotations"][:1])
    content["images"] = [{"id": 7, "file_name": "a.jpg", "height": 40, "width": 60}]
    (folder / "boxes.json").write_text(json.dumps(content))
    return evaluation_set(
        CocoJson(folder / "boxes.json", folder),
        folder / "index",
        ResizeFlip([20], 100),
        tokenizer,
        COCOAveragePrecision,
    )[0]


def test_boxes_follow_pictures_that_were_rotated_or_made_smaller(
    tmp_path: Path, tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    turned = Image.new("RGB", (40, 60))
    exif = turned.getexif()
    exif[0x0112] = 6
    for number, (picture, saved) in enumerate(
        [
            (Image.new("RGB", (60, 40)), {}),
            (turned, {"exif": exif}),
            (Image.new("RGB", (30, 20)), {}),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        sample = sample_of(folder, tokenizer, picture, **saved)
        assert tuple(sample.image.shape) == (3, 20, 30)
        assert sample.boxes.tolist() == [[5.0, 2.5, 14.5, 7.0]]
        assert sample.original_size == (40, 60)  # detections have the pixels of the annotation
    assert not caplog.records
    (tmp_path / "other").mkdir()
    sample = sample_of(tmp_path / "other", tokenizer, Image.new("RGB", (90, 40)))
    assert sample.original_size == (40, 90)
    assert "has 90x40 pixels, its annotation says 60x40" in caplog.text


def test_the_ground_truth_has_crowds_areas_and_fractions_as_in_the_file(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 9, "file_name": "b.jpg", "height": 50, "width": 50},
                   {"id": 4, "file_name": "a.jpg", "height": 50, "width": 50}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 7, "bbox": [-1.25, 0, 30.1, 20], "area": 17.5},
            {"id": 2, "image_id": 4, "category_id": 7, "bbox": [1, 2, 3, 4], "iscrowd": 1},
            {"id": 3, "image_id": 4, "category_id": 3, "bbox": [1, 2, 0, 4], "iscrowd": 0},
        ],
        "categories": [
            {"id": 7, "name": "dog"}, {"id": 0, "name": "animals"}, {"id": 3, "name": "cat"}
        ],
    }  # fmt: skip
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    truth = CocoJson(path, tmp_path).truth()
    assert truth.image_ids.tolist() == [4, 9]
    assert truth.images.tolist() == [1, 0, 0]
    assert truth.boxes.tolist() == [[-1.25, 0, 30.1, 20], [1, 2, 3, 4], [1, 2, 0, 4]]
    assert truth.areas.tolist() == [17.5, 12, 0]
    assert truth.crowds.tolist() == [False, True, False]
    assert truth.category_ids.tolist() == [3, 7]  # Roboflow's super-category is left out
    assert [truth.names[label] for label in truth.labels] == ["dog", "dog", "cat"]
    assert truth.frequencies is None and truth.absent is None and truth.incomplete is None


def test_boxes_marked_ignore_count_in_evaluation_as_in_pycocotools(tmp_path: Path) -> None:
    """pycocotools replaces `ignore` by `iscrowd`, so that a missed box lowers AP."""
    box = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "area": 81, "iscrowd": 0}
    content = {
        "info": {},
        "images": [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            box | {"id": 1},
            box | {"id": 2, "bbox": [30, 20, 9, 9], "ignore": 1},
        ],
    }
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(content))
    reader = CocoJson(path, tmp_path)
    (record,) = reader.read(Problems()).records
    assert len(record.boxes) == 1 and record.incomplete
    found = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.9}
    truth = reader.truth()
    table = DetectionsTable.from_coco([found], truth.image_ids, truth.category_ids)
    official = pycocotools_figures(path, [found])[0]
    assert coco_figures(truth, table)["AP"] == pytest.approx(official)
    assert official < 0.6


def test_texts_as_image_ids_return_in_the_file_of_detections(tmp_path: Path) -> None:
    content = coco()
    names = {7: "b-7", 3: "a-3"}
    for entry in content["images"]:
        entry["id"] = names[entry["id"]]
    for entry in content["annotations"]:
        entry["image_id"] = names[entry["image_id"]]
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(content))
    reader = CocoJson(path, tmp_path)
    records = list(reader.read(Problems()).records)
    assert [(record.image_id, record.image) for record in records] == [(1, "a.png"), (2, "b.png")]
    truth = reader.truth()
    assert truth.text_ids == ["b-7", "a-3"]
    table = DetectionsTable(truth.images, truth.labels, np.ones(3), truth.boxes)
    assert coco_figures(truth, table[~truth.crowds])["AP"] == pytest.approx(1)
    write_detections(truth, table, tmp_path / "detections.json")
    written = json.loads((tmp_path / "detections.json").read_text())
    assert [entry["image_id"] for entry in written] == ["b-7"] * 3
    only = truth.of_images(np.asarray([False, True]))
    assert only.text_ids == ["a-3"]
