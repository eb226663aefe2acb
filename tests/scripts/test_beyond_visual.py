import json
from pathlib import Path

import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.indexing import open_index
from glip_pl.data.shapes.vocabulary import NOVEL
from scripts.beyond import visual


def test_novel_shapes_become_a_folder_whose_examples_are_shared_out(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visual, "SHAPES_WORLD", world)
    folder = visual._novel_folder(tmp_path / "novel")
    images = {}
    for split in ("train", "valid", "test"):
        content = json.loads((folder / split / "_annotations.coco.json").read_text())
        images[split] = {one["id"] for one in content["images"]}
        assert {one["image_id"] for one in content["annotations"]} <= images[split]
        assert all((folder / split / one["file_name"]).is_file() for one in content["images"])
    assert not images["train"] & images["valid"]
    assert len(images["train"] | images["valid"]) == len(images["test"]) == 4


def test_examples_are_one_box_of_each_category_from_the_pictures_of_one_shot(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visual, "SHAPES_WORLD", world)
    folder = visual._novel_folder(tmp_path / "novel")
    index = open_index(CocoJson.from_folder(folder, ["train"]), tmp_path / "index")
    found = dict(visual._examples(index, folder / "train", 0))
    assert found == dict(visual._examples(index, folder / "train", 0))
    names = [name for boxes in found.values() for name in boxes]
    present = {index.names[target] for row in range(len(index)) for target in index.targets[row]}
    assert sorted(names) == sorted(present)
    assert set(names) <= set(NOVEL)
    assert all(Path(file).is_file() for file in found)
