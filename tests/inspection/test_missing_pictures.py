"""Missing pictures are found by looking at each, or by listing the folders."""

from pathlib import Path

import pytest

from glip_pl.data.image_folder import ImageFolder
from glip_pl.inspection import missing_pictures as module
from glip_pl.inspection.missing_pictures import missing_pictures
from tests.data.formats.writers import pictures, scenes

SCENES = scenes(5)


@pytest.mark.parametrize("each", [0, 1000])
def test_pictures_are_found_wherever_training_would_find_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, each: int
) -> None:
    monkeypatch.setattr(module, "EACH", each)
    pictures(tmp_path / "a/inner", SCENES[:3])
    pictures(tmp_path / "b", SCENES[3:])
    images = ImageFolder((tmp_path / "a", tmp_path / "b"))
    first, *_, last = (scene.file_name for scene in SCENES)
    found = [f"inner/{first}", last, f"inner/../inner/{first}", f"inner\\{first}"]
    assert missing_pictures(images, found, "picture").count == 0
    outside = ["../other/x.png", "zero\0.png", "inner", f"/{last[:-1]}"]
    missing = missing_pictures(images, [*found, *outside, f"{last[:-4]}x.png"], "picture")
    assert missing.count == len(outside) + 1
    assert len(missing.examples) == 3 and "leads out" in missing.examples[0]


def test_folders_are_listed_once_and_files_are_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path, SCENES)
    monkeypatch.setattr(module, "EACH", 2)
    monkeypatch.setattr(ImageFolder, "find", None)
    listed: list[str] = []
    files = module._files

    def counted(folder: str) -> frozenset[str]:
        listed.append(folder)
        return files(folder)

    monkeypatch.setattr(module, "_files", counted)
    names = [scene.file_name for scene in SCENES]
    assert missing_pictures(ImageFolder((tmp_path,)), names, "picture").count == 0
    assert len(listed) == 1
