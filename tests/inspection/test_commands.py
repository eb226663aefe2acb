"""The actions of `python -m glip_pl.data`, as users run them."""

import json
import re
import sys
from pathlib import Path

import pytest

from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.indexing import open_index
from glip_pl.inspection import commands as data_command
from tests.data.formats.writers import coco, scenes
from tests.inspection.splits import write_split

SCENES = scenes(6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: detection data in COCO's layout."""
    for split in ("train", "val"):
        (tmp_path / "cells" / split).mkdir(parents=True)
        coco(tmp_path / "cells" / split, SCENES)
        (tmp_path / "cells" / split / "coco.json").rename(tmp_path / "cells" / f"{split}.json")
        for picture in (tmp_path / "cells" / split / "pictures").iterdir():
            picture.rename(tmp_path / "cells" / split / picture.name)
    return tmp_path / "cells"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> Path:
    """Changes into a temporary folder; returns the folder for the output."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "out"


def call(monkeypatch: pytest.MonkeyPatch, action: str, folder: Path, *overrides: str) -> None:
    common = ["data=custom", f"data.root={folder}", f"output={folder.parent}/out"]
    monkeypatch.setattr(sys, "argv", ["data", action, *common, *overrides])
    data_command.main()


def test_check_passes_and_fails_with_exit_codes(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, "check", folder)
    assert "train/custom: ok; 6 images" in capsys.readouterr().out
    next((folder / "val").glob("*.png")).unlink()
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, "check", folder)
    assert stopped.value.code == 1
    printed = capsys.readouterr().out
    assert "val/custom: NOT OK" in printed and "1 x missing or broken picture" in printed
    report = json.loads((run / "check.json").read_text())
    assert report["train/custom"]["passed"] and not report["val/custom"]["passed"]


def test_stats_are_written_for_the_chosen_set(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(monkeypatch, "stats", folder, "sets=train")
    statistics = json.loads((run / "stats.json").read_text())["train/custom"]
    assert statistics["images"] == 6 and statistics["images without boxes"] == 1
    assert statistics["boxes"] == sum(len(scene.boxes) for scene in SCENES)
    assert sum(statistics["categories"].values()) == statistics["boxes"]


def test_any_category_name_can_be_counted(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rich would take these names for its own markup."""
    annotations = json.loads((folder / "train.json").read_text())
    names = ("[/]", "[red]x", "back\\slash\\")
    for category, name in zip(annotations["categories"], names, strict=False):
        category["name"] = name
    (folder / "train.json").write_text(json.dumps(annotations))
    call(monkeypatch, "stats", folder, "sets=[train/custom]")
    shown = capsys.readouterr().out
    assert len(annotations["categories"]) > 1
    assert "[/] " in shown and "[red]x " in shown


def test_browse_writes_a_page(folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call(monkeypatch, "browse", folder, "browse.count=3")
    page = (run / "index.html").read_text()
    assert len(re.findall(r"data:image/jpeg;base64,", page)) == 2 * 3
    assert "<h2>train/custom</h2>" in page and "<h2>val/custom</h2>" in page


def test_convert_writes_each_set(folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call(monkeypatch, "convert", folder, "convert.format=shards", "convert.per_shard=4")
    assert len(list((run / "train/custom").glob("*.tar"))) == 2
    call(monkeypatch, "convert", folder, "sets=[val/custom]", "convert.count=2")
    assert len((run / "val/custom/annotations.jsonl").read_text().splitlines()) == 2


def test_unknown_sets_formats_and_actions_are_refused(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for overrides, message in (
        (["sets=[train/x]"], "no such set: train/x"),
        (["convert.format=x"], "odvg"),
    ):
        with pytest.raises(SystemExit):
            call(monkeypatch, "convert", folder, *overrides)
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "check|stats|browse|convert|clean"),
        (["--help"], None, "check    looks for mistakes"),
        (["check", "--help"], None, "pictures: exist"),
        (["chekc", "data=custom"], 2, "no action 'chekc'; did you mean check?"),
    ],
)
def test_help_is_shown_where_it_is_asked_for_or_needed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int | None,
    said: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["data", *words])
    if code is None:
        data_command.main()
    else:
        with pytest.raises(SystemExit) as stopped:
            data_command.main()
        assert stopped.value.code == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err


def test_check_compares_the_splits_and_writes_valid_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_split(tmp_path / "cells", "train", names=["[/]", "猫猫"], labels=[0])
    write_split(tmp_path / "cells", "val", names=["cat"], labels=[0])
    write_split(tmp_path / "cells", "test", names=["[/]"], labels=[])
    with pytest.raises(SystemExit):
        call(monkeypatch, "check", tmp_path / "cells")
    printed = capsys.readouterr().out
    assert "train/custom: ok; 1 images" in printed and "annotations/train.json" in printed
    assert "between the sets: NOT OK" in printed and "1 of 1 boxes of" in printed
    assert "猫猫" in printed  # unknown to the vocabulary
    text = (tmp_path / "out/check.json").read_text()
    report = json.loads(text, parse_constant=pytest.fail)  # NaN is no JSON
    assert report["test/custom"]["ground_truth_ap"] is None
    assert [mistake["severity"] for mistake in report["between the sets"]["mistakes"]] == ["stops"]
    assert report["train/custom"]["source"].endswith("annotations/train.json")


def test_clean_shows_and_frees_indexes(
    run: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "val"):
        open_index(CocoJson(folder / f"{split}.json", folder), run / "indexes")
    (run / "indexes/notes.txt").touch()
    removed, kept = sorted(path.name for path in (run / "indexes").glob("*-*[0-9a-f]"))
    stored = [f"paths.index={run}/indexes", f"paths.shards={run}/shards"]
    monkeypatch.setattr(sys, "argv", ["data", "clean", *stored, f"clean.remove={removed}"])
    data_command.main()
    printed = capsys.readouterr().out
    assert f"removed: {removed}" in printed and f"  {kept}" in printed
    assert f"{folder}/val.json" in printed and "notes.txt" in printed
    assert "2 stored" in printed
    left = {path.name for path in (run / "indexes").iterdir() if path.suffix != ".lock"}
    assert left == {kept, "notes.txt"}
