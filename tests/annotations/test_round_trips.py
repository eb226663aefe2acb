"""What is written is read again: by our own readers and by other people's."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.annotations.writing import DEFAULT_NAMES, write_annotations
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.formats.own_folder import own_folder
from glip_pl.data.formats.voc import VocXml
from glip_pl.data.problems import Problems
from glip_pl.data.records import Reader

NAMES = ["red cat", "chien brûlé", "猫"]
SIZES = {"a/x.png": (60, 90), "b/x.png": (50, 40), "b/x.jpg": (30, 30), "no box.png": (21, 37)}
TOLERANCE = {"coco": 1e-4, "odvg": 1e-4, "yolo": 1e-5, "voc": 0.5}
"""Pixels by which a corner may differ: VOC holds whole pixels, the others decimals."""


@pytest.fixture
def images(tmp_path: Path) -> list[AnnotatedImage]:
    """Pictures in folders, two with the same name and two that differ in their suffix alone."""
    random = np.random.default_rng(0)
    annotated = []
    for number, (name, (height, width)) in enumerate(SIZES.items()):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height)).save(path)
        count = 0 if name == "no box.png" else 4
        corners = random.uniform(0, 1, (count, 4)).astype(np.float32)
        corners[:, 2:] = corners[:, :2] + 0.2 + corners[:, 2:]  # some extend beyond the picture
        boxes = corners * np.asarray([width, height, width, height], dtype=np.float32) * 0.8
        labels = (np.arange(count) + number) % len(NAMES)
        scores = random.uniform(0.3, 1, count)
        annotated.append(AnnotatedImage(path, (height, width), boxes, labels, scores))
    return annotated


def reader_of(format: str, out: Path, root: Path) -> Reader:
    if format == "coco":
        return CocoJson(out, root)
    if format == "odvg":
        return OdvgJsonl(out, root)
    return VocXml(out, "train", NAMES) if format == "voc" else own_folder(out, ["train"])


@pytest.mark.parametrize("format", TOLERANCE)
def test_our_readers_find_the_same_boxes(
    images: list[AnnotatedImage], tmp_path: Path, format: str
) -> None:
    out = tmp_path / "out" / DEFAULT_NAMES[format]
    write_annotations(images, NAMES, out, format)
    reader = reader_of(format, out, tmp_path / "photos")
    contents = reader.read(Problems())
    assert list(contents.names) == NAMES
    records = list(contents.records)
    pictures = reader.open_images()
    by_content = {(one.size, bytes(pictures.read(one.image))): one for one in records}
    assert len(records) == len(by_content) == len(images)
    for image in images:
        record = by_content[image.size, image.path.read_bytes()]
        expected = image.clipped()
        assert record.targets.tolist() == expected.labels.tolist()
        np.testing.assert_allclose(record.boxes, expected.boxes, atol=TOLERANCE[format])
        if format == "odvg":
            assert record.scores is not None
            assert image.scores is not None
            np.testing.assert_allclose(record.scores, image.scores, atol=1e-4)


def test_pycocotools_reads_coco(images: list[AnnotatedImage], tmp_path: Path) -> None:
    out = tmp_path / "annotations.json"
    write_annotations(images, NAMES, out, "coco")
    coco = COCO(str(out))
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == NAMES
    for number, image in enumerate(images, start=1):
        (entry,) = coco.loadImgs([number])
        assert entry["file_name"] == image.path.relative_to(tmp_path / "photos").as_posix()
        found = coco.loadAnns(coco.getAnnIds([number]))
        xywh = np.asarray([one["bbox"] for one in found]).reshape(-1, 4)
        corners = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
        np.testing.assert_allclose(corners, image.clipped().boxes, atol=2e-4)
        assert [one["category_id"] - 1 for one in found] == image.labels.tolist()
        scores = image.scores
        assert scores is not None
        np.testing.assert_allclose([one["score"] for one in found], scores, atol=1e-4)


@pytest.mark.parametrize("format", ["coco", "yolo", "voc"])
def test_supervision_reads_what_is_written(
    images: list[AnnotatedImage], tmp_path: Path, format: str
) -> None:
    supervision = pytest.importorskip("supervision", reason="it is an extra")
    flat = [image for image in images if image.path.parent.name == "b" or format != "coco"]
    out = tmp_path / "out" / DEFAULT_NAMES[format]
    write_annotations(flat, NAMES, out, format)
    if format == "coco":
        read = supervision.DetectionDataset.from_coco(str(tmp_path / "photos/b"), str(out))
    elif format == "yolo":
        files = [str(out / name) for name in ("images/train", "labels/train", "data.yaml")]
        read = supervision.DetectionDataset.from_yolo(*files)
    else:
        files = [str(out / name) for name in ("JPEGImages", "Annotations")]
        read = supervision.DetectionDataset.from_pascal_voc(*files)
    assert len(read) == len(flat)
    found: dict[tuple[int, int], NDArray[np.float32]] = {}
    names: dict[tuple[int, int], list[str]] = {}
    for _, pixels, detections in read:
        found[pixels.shape[:2]] = detections.xyxy
        names[pixels.shape[:2]] = [read.classes[label] for label in detections.class_id]
    for image in flat:
        tolerance = 0.5 if format == "voc" else 1e-3
        np.testing.assert_allclose(found[image.size], image.clipped().boxes, atol=tolerance)
        assert names[image.size] == [NAMES[label] for label in image.labels]
