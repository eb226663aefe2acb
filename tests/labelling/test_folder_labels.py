"""Pictures of a folder, and what is written for which thresholds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glip_pl.annotations.annotated_image import AnnotatedImage
from glip_pl.errors import UserError
from glip_pl.labelling.folder_labels import FolderLabels, Pictures
from glip_pl.labelling.journal import Journal
from glip_pl.labelling.thresholds import Thresholds


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "pho[1]tos"  # what is special in patterns
    for name in ("b.png", "deep/a.png", "deep/er/b.jpg", "out/yolo/c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20)).save(folder / name)
    (folder / "notes.txt").touch()
    return folder


def test_a_folder_stands_for_all_below_it_but_the_output(photos: Path) -> None:
    pictures = Pictures.of(str(photos), photos / "out")
    assert list(pictures.stamps) == ["b.png", "deep/a.png", "deep/er/b.jpg"]
    assert pictures.root == photos


def test_patterns_and_files(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels"
    pictures = Pictures.of(f"{tmp_path}/pho*/deep/**/*.jpg", out)
    assert pictures.root == tmp_path  # the same whatever the pattern finds
    assert list(pictures.stamps) == ["pho[1]tos/deep/er/b.jpg"]
    assert list(Pictures.of(str(photos / "b.png"), out).stamps) == ["b.png"]
    with pytest.raises(UserError, match=r"images=\S+ names no picture"):
        Pictures.of(str(photos / "absent"), out)
    with pytest.raises(UserError, match="names no picture outside the folder"):
        Pictures.of(str(photos / "out"), photos / "out")


def labelled(photos: Path, out: Path, thresholds: Thresholds) -> FolderLabels:
    """Labels of all pictures, each with a box of either name."""
    out.mkdir(exist_ok=True)
    pictures = Pictures.of(str(photos), photos / "out")
    journal = Journal.open(out / "journal.jsonl")
    journal.name_classes(["cat", "dog"])
    boxes, labels = np.asarray([[1.0, 2, 9, 8], [0, 0, 30, 20]]), np.asarray([0, 1])
    for name, stamp in pictures.stamps.items():
        scores = np.asarray([0.4, 0.2])
        journal.add(AnnotatedImage(photos / name, (20, 30), boxes, labels, scores, name), stamp)
    return FolderLabels(pictures, out, thresholds, journal)


def test_the_summary_counts_boxes_and_pictures_by_name(photos: Path, tmp_path: Path) -> None:
    labels = labelled(photos, tmp_path / "labels", Thresholds(0.3))
    assert labels.missing == []
    summary = labels.write("coco", copy_pictures=False)
    assert summary["boxes"] == {"cat": 3, "dog": 0}
    assert summary["pictures of"] == {"cat": 3, "dog": 0}
    assert (summary["pictures"], summary["without a box"]) == (3, 0)
    assert labels.written("coco") == summary
    assert labels.written("odvg") is None
    labels.target("coco").unlink()
    assert labels.written("coco") is None


def test_other_thresholds_are_written_without_the_model(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels"
    labelled(photos, out, Thresholds(0.3)).write("coco", copy_pictures=False)
    lower = labelled(photos, out, Thresholds(0.3, {"dog": 0.1}))
    assert lower.written("coco") is None
    assert lower.write("coco", copy_pictures=False)["boxes"] == {"cat": 3, "dog": 3}
    higher = labelled(photos, out, Thresholds(0.5))
    assert higher.write("coco", copy_pictures=False)["without a box"] == 3


def test_a_folder_of_other_labels_is_kept_because_it_may_be_corrected(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    labels = labelled(photos, out, Thresholds(0.3))
    summary = labels.write("yolo", copy_pictures=True)
    assert labels.written("yolo") == summary
    assert len(list((out / "yolo/images/train").iterdir())) == 3
    with pytest.raises(UserError, match="holds labels of other pictures or thresholds: remove"):
        labelled(photos, out, Thresholds(0.2)).written("yolo")


def test_a_picture_that_is_added_or_changed_is_missing(photos: Path, tmp_path: Path) -> None:
    labels = labelled(photos, tmp_path / "labels", Thresholds(0.3))
    labels.write("coco", copy_pictures=False)
    Image.new("RGB", (40, 40)).save(photos / "new.png")
    Image.new("RGB", (60, 40)).save(photos / "b.png")
    pictures = Pictures.of(str(photos), photos / "out")
    again = FolderLabels(pictures, labels.output, labels.thresholds, labels.journal)
    assert again.missing == ["b.png", "new.png"]
    assert again.written("coco") is None


def test_a_damaged_list_of_what_is_done_counts_as_none(photos: Path, tmp_path: Path) -> None:
    labels = labelled(photos, tmp_path / "labels", Thresholds(0.3))
    for text in ("", "[]", "{", '{"coco": 7}'):
        (labels.output / "done.json").write_text(text)
        assert labels.written("coco") is None
