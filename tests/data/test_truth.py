"""The ground truth of evaluation comes from the file, or else from the index."""

from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.indexing import open_index
from glip_pl.data.truth import PhraseTruth, Truth, truth_of
from tests.data.formats.writers import flickr, lvis, mdetr, scenes, voc


def test_a_format_without_more_to_say_is_measured_by_its_index(
    tmp_path: Path, indexes: Path
) -> None:
    wanted = scenes(5)
    reader = voc(tmp_path, wanted)
    truth = truth_of(reader, open_index(reader, indexes))
    assert isinstance(truth, Truth)
    boxes = sorted(map(tuple, truth.boxes.tolist()))
    assert boxes == sorted(tuple(map(float, box)) for scene in wanted for box in scene.boxes)
    assert truth.areas.tolist() == (truth.boxes[:, 2] * truth.boxes[:, 3]).tolist()


def test_captions_of_any_format_have_phrases_to_find(tmp_path: Path, indexes: Path) -> None:
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


@pytest.mark.parametrize("kept", [[0], [1, 3], []])
def test_a_part_of_the_truth(kept: list[int], tmp_path: Path) -> None:
    reader = lvis(tmp_path, scenes(5))
    assert isinstance(reader, CocoJson)
    whole = reader.truth()
    mask = np.isin(np.arange(5), kept)
    part = whole.of_images(mask)
    assert part.image_ids.tolist() == whole.image_ids[mask].tolist()
    for place, row in enumerate(kept):
        mine, its = part.images == place, whole.images == row
        assert part.boxes[mine].tolist() == whole.boxes[its].tolist()
    assert len(part.boxes) == sum(int((whole.images == row).sum()) for row in kept)
