import pickle
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from tests.data.formats.writers import coco, mdetr, scenes


def test_records_come_back_from_the_arrays(tmp_path: Path) -> None:
    wanted = scenes(5)
    index = open_index(mdetr(tmp_path, wanted), tmp_path / "index")
    assert len(index) == len(wanted)
    for row, scene in enumerate(wanted):
        assert index.images[row] == scene.file_name
        assert index.sizes[row].tolist() == [scene.height, scene.width]
        assert index.captions[row] == scene.caption
        spans = {tuple((start, end) for start, end in phrase) for phrase in scene.spans}
        assert set(index.phrases(row)) == spans
    assert isinstance(index.boxes.values, np.memmap)


def test_categories_have_no_phrases(tmp_path: Path) -> None:
    index = open_index(coco(tmp_path, scenes(3)), tmp_path / "index")
    assert not index.captioned.any()
    assert index.phrases(0) == ()
    assert list(index.names) == ["cat", "dog_(animal)", "fire hydrant"]


def test_a_spawned_worker_maps_the_files_again(tmp_path: Path) -> None:
    index = open_index(mdetr(tmp_path, scenes(300)), tmp_path / "index")
    sent = pickle.dumps(index)
    assert len(sent) < 1000
    same: Index = pickle.loads(sent)
    assert same.captions[4] == index.captions[4]
    assert same.boxes.values.tolist() == index.boxes.values.tolist()


def test_incomplete_and_damaged_files_are_recognised(tmp_path: Path) -> None:
    folder = open_index(coco(tmp_path, scenes(3)), tmp_path / "index").folder
    with (folder / "sizes.bin").open("r+b") as file:
        file.truncate(3)
    with pytest.raises(ValueError, match="size"):
        Index.open(folder)
    (folder / "sizes.bin").unlink()
    with pytest.raises(FileNotFoundError):
        Index.open(folder)
    (folder / "meta.json").write_text('{"rows": {}}')
    with pytest.raises(KeyError):
        Index.open(folder)
