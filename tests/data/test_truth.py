"""The ground truth of evaluation comes from the file, or else from the index."""

from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.indexing import open_index
from glip_pl.data.truth import PhraseTruth, Truth, truth_of
from tests.data.formats.writers import flickr, lvis, mdetr, scenes, voc


def test_the_index_is_the_ground_truth_of_formats_without_their_own(
    tmp_path: Path, indexes: Path
) -> None:
    wanted = scenes(5)
    reader = voc(tmp_path, wanted)
    truth = truth_of(reader, open_index(reader, indexes))
    assert isinstance(truth, Truth)
    boxes = sorted(map(tuple, truth.boxes.tolist()))
    assert boxes == sorted(tuple(map(float, box)) for scene in wanted for box in scene.boxes)
    assert truth.areas.tolist() == (truth.boxes[:, 2] * truth.boxes[:, 3]).tolist()


def test_the_ground_truth_of_captions_has_all_their_phrases(tmp_path: Path, indexes: Path) -> None:
    wanted = scenes(5)
    for write in (mdetr, flickr):
        reader = write(tmp_path, wanted)
        index = open_index(reader, indexes)
        truth = truth_of(reader, index)
        assert isinstance(truth, PhraseTruth)
        corners = {tuple(map(float, box)) for scene in wanted for box in scene.corners()}
        assert set(map(tuple, truth.boxes.tolist())) == corners
        counts = np.diff(truth.phrases).tolist()
        assert counts == [len(index.phrases(row)) for row in range(len(index))]
        assert truth.of_images(truth.image_ids >= 0) is truth


@pytest.mark.parametrize("rows", [[0], [1, 3], []])
def test_the_ground_truth_of_some_images(rows: list[int], tmp_path: Path) -> None:
    reader = lvis(tmp_path, scenes(5))
    assert isinstance(reader, CocoJson)
    whole = reader.truth()
    mask = np.isin(np.arange(5), rows)
    part = whole.of_images(mask)
    assert part.image_ids.tolist() == whole.image_ids[mask].tolist()
    for image, row in enumerate(rows):
        boxes = part.boxes[part.images == image]
        assert boxes.tolist() == whole.boxes[whole.images == row].tolist()
    assert len(part.boxes) == sum(int((whole.images == row).sum()) for row in rows)
