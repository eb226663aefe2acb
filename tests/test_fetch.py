"""The command that fetches datasets, and its listing of sources."""

import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
import yaml
from rich.progress import Progress

from glip_pl import fetch as script
from glip_pl.errors import UserError
from glip_pl.fetch import fetch, fetch_datasets, files_of, read_sources
from glip_pl.fetching.downloads import File
from tests.fetching.publisher import Site, checksums, offer, zipped

CONF = Path(__file__).parents[1] / "conf"
PRIMARY = {
    *("images.cocodataset.org", "dl.fbaipublicfiles.com", "zenodo.org", "huggingface.co"),
    *("downloads.cs.stanford.edu", "host.robots.ox.ac.uk"),
}


def test_an_archive_is_fetched_verified_and_unpacked_once(site: Site, tmp_path: Path) -> None:
    data = zipped({"train/a": "one", "train/b": "two"})
    file = offer(site, "x.zip", data, **checksums(data))
    fetch(file, tmp_path)
    assert (tmp_path / "here/train/b").read_text() == "two"
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["train"]
    fetch(file, tmp_path)
    assert len(site.requested_ranges) == 1


def test_archives_with_equal_names_in_two_folders_are_both_fetched(
    site: Site, tmp_path: Path
) -> None:
    for folder in ("here", "there"):
        fetch(offer(site, "images.zip", zipped({"a": folder}), to=folder), tmp_path)
    assert (tmp_path / "here/a").read_text() == "here"
    assert (tmp_path / "there/a").read_text() == "there"


def test_a_file_put_there_by_hand_is_verified_and_left_alone(site: Site, tmp_path: Path) -> None:
    data = zipped({"a": "one"})
    file = offer(site, "x.zip", data, **checksums(data))
    path = tmp_path / "here/x.zip"
    path.parent.mkdir()
    path.write_bytes(b"another")
    with pytest.raises(UserError, match=r"x\.zip is not what .* gives: 7 bytes"):
        fetch(file, tmp_path)
    assert path.read_bytes() == b"another"
    path.write_bytes(data)
    fetch(file, tmp_path)
    assert path.read_bytes() == data
    assert (tmp_path / "here/a").read_text() == "one"
    assert not site.requested_ranges


def test_a_folder_that_cannot_be_made_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("a file")
    with pytest.raises(UserError, match=r"cannot be put into .*here"):
        fetch(offer(site, "x.json", b"{}"), tmp_path)


def exit_code(arguments: list[str], known: dict[str, Any], patch: pytest.MonkeyPatch) -> object:
    """The exit code of the command with these arguments."""
    patch.setattr(sys, "argv", ["fetch", *arguments])
    patch.setattr(script, "read_sources", lambda: known)
    with pytest.raises(SystemExit) as left:
        script.main()
    return left.value.code


def test_an_interrupted_command_keeps_the_partial_file(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = offer(site, "x.json", b"{}")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    known = {"x": {"files": [{"url": file.url, "to": "here"}]}}
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "advance", interrupt)
        assert exit_code(["x", "--to", str(tmp_path)], known, patch) == 130
    assert "goes on where it stopped" in capsys.readouterr().err
    assert (tmp_path / "here/x.json.part").exists()


def test_errors_are_printed_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(["imagenet", "--to", str(tmp_path)], read_sources(), monkeypatch) == 2
    assert capsys.readouterr().err.startswith("error: no such dataset: imagenet. There are coco, ")


def test_the_list_names_every_dataset_and_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fetch", "--list"])
    script.main()
    shown = capsys.readouterr().out
    assert all(f"{name}: " in shown for name in read_sources())
    assert "http://images.cocodataset.org/zips/val2017.zip" in shown


def test_instructions_are_printed_for_data_that_must_be_requested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_datasets(["objects365", "flickr30k"], tmp_path, read_sources())
    shown = capsys.readouterr().out
    assert "after a registration" in shown
    assert "Put them into flickr30k/flickr30k_images/" in shown


def all_files() -> list[File]:
    return [file for entry in read_sources().values() for file in files_of(entry)]


def test_sources_are_primary_and_well_formed() -> None:
    assert "blob.core.windows" not in script.SOURCES.read_text()
    for entry in read_sources().values():
        assert ("manual" in entry) != ("files" in entry)
    for file in all_files():
        address = urlparse(file.url)
        assert address.scheme in ("http", "https")
        assert address.hostname in PRIMARY
        assert "{" not in file.url
        assert file.unpack == (Path(file.name).suffix in (".zip", ".tar", ".gz"))
        assert re.fullmatch("[0-9a-f]{64}", file.sha256 or "0" * 64)
        assert re.fullmatch("[0-9a-f]{32}", file.md5 or "0" * 32)
        if address.scheme == "http":  # nothing else says that it came from there
            assert file.sha256 or file.md5


def test_files_are_put_where_the_settings_look_for_them() -> None:
    lands = {(file.to, file.name) for file in all_files()}
    for wanted in (
        ("coco", "train2017.zip"),
        ("coco", "train2014.zip"),
        ("coco/annotations", "lvis_v1_train.json.zip"),
        ("mdetr_annotations", "mdetr_annotations.tar.gz"),
        ("mdetr_annotations", "final_mixed_train_no_coco.json"),
        ("gqa", "images.zip"),
        (".", "VOCtrainval_11-May-2012.tar"),
    ):
        assert wanted in lands


def test_every_task_of_odinw_has_an_archive() -> None:
    tasks = [yaml.safe_load(path.read_text()) for path in (CONF / "odinw").glob("*.yaml")]
    wanted = {task["splits"]["train"]["images"].split("/")[1] for task in tasks}
    assert {Path(file.name).stem for file in all_files() if file.to == "odinw"} == wanted
