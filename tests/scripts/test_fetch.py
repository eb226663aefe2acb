"""Downloads from a real local server that can be asked for parts, and cut connections."""

import gzip
import hashlib
import io
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlparse

import pytest
import yaml
from rich.progress import Progress

from glip_pl.errors import UserError
from scripts import fetch as script
from scripts.fetch import File, fetch, files_of, run, sources

CONF = Path(__file__).parents[2] / "conf"
PRIMARY = {
    *("images.cocodataset.org", "dl.fbaipublicfiles.com", "zenodo.org", "huggingface.co"),
    *("downloads.cs.stanford.edu", "host.robots.ox.ac.uk"),
}


@dataclass
class Site:
    """What the server offers, how it behaves, and what it was asked for."""

    address: str = ""
    content: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)  # bytes of the first answers
    busy: int = 0  # answers with 503 before the first good one
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            found.asked.append(wanted)
            body = found.content.get(self.path)
            if body is None or found.busy:
                found.busy = max(found.busy - 1, 0)
                self.send_error(404 if body is None else 503)
                return
            start = int(re.findall(r"\d+", wanted)[0]) if wanted and found.ranges else 0
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            rest = body[start:]
            self.wfile.write(rest[: found.cuts.pop(0)] if found.cuts else rest)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    found.address = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    server.server_close()


def zipped(members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def tarred(*names: str, link: str | None = None) -> bytes:
    """A tar of files with "one" in them, and before them a link `link` to the folder above."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        if link is not None:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, ".."
            archive.addfile(member)
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"one"))
    return buffer.getvalue()


def offer(site: Site, name: str, content: bytes, **options: Any) -> File:
    """A file of the site; archives are to be unpacked."""
    site.content[f"/{name}"] = content
    return File(f"{site.address}/{name}", **{"to": "here", "unpack": "json" not in name, **options})


def sums(content: bytes) -> dict[str, Any]:
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "md5": hashlib.md5(content).hexdigest(),
        "bytes": len(content),
    }


def test_an_archive_is_fetched_verified_and_unpacked_once(site: Site, tmp_path: Path) -> None:
    content = zipped({"train/a": "one", "train/b": "two"})
    file = offer(site, "x.zip", content, **sums(content))
    fetch(file, tmp_path)
    assert (tmp_path / "here/train/b").read_text() == "two"
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["train"]
    fetch(file, tmp_path)
    assert len(site.asked) == 1


def test_archives_of_one_name_in_two_folders_are_two(site: Site, tmp_path: Path) -> None:
    for folder in ("here", "there"):
        fetch(offer(site, "images.zip", zipped({"a": folder}), to=folder), tmp_path)
    assert (tmp_path / "here/a").read_text() == "here"
    assert (tmp_path / "there/a").read_text() == "there"


def test_a_cut_download_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    content = zipped({"a": "one" * 1000})
    site.cuts = [40, 60]
    fetch(offer(site, "x.zip", content, **sums(content)), tmp_path, pause=0)
    assert site.asked == [None, "bytes=40-", "bytes=100-"]
    assert (tmp_path / "here/a").read_text() == "one" * 1000


def test_what_gets_further_is_tried_on(site: Site, tmp_path: Path) -> None:
    site.cuts = [1] * (2 * script.TRIES)
    fetch(offer(site, "x.json", b"{}" * 100), tmp_path, pause=0)
    assert (tmp_path / "here/x.json").read_bytes() == b"{}" * 100


def test_a_server_without_ranges_starts_again(site: Site, tmp_path: Path) -> None:
    site.ranges, site.cuts = False, [40]
    fetch(offer(site, "x.json", b"{}" * 100), tmp_path, pause=0)
    assert site.asked == [None, "bytes=40-"]
    assert (tmp_path / "here/x.json").read_bytes() == b"{}" * 100


def test_a_part_that_is_whole_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    file = offer(site, "x.json", b"{}")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/x.json.part").write_bytes(b"{}")
    fetch(file, tmp_path)
    assert (tmp_path / "here/x.json").read_bytes() == b"{}"


def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.busy = 2
    fetch(offer(site, "x.json", b"{}"), tmp_path, pause=0)
    assert len(site.asked) == 3


def test_what_came_before_a_server_went_away_is_kept(site: Site, tmp_path: Path) -> None:
    site.cuts = [40] + [0] * script.TRIES
    with pytest.raises(UserError, match=r"cannot be reached.*kept in .*x\.json\.part"):
        fetch(offer(site, "x.json", b"{}" * 100), tmp_path, pause=0)
    assert (tmp_path / "here/x.json.part").stat().st_size == 40


@pytest.mark.parametrize(
    "options", [{"sha256": "0" * 64}, {"md5": "0" * 32}, {"bytes": 3}], ids=str
)
def test_a_wrong_file_is_removed_and_named(
    options: dict[str, Any], site: Site, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"x\.json is not the file that .* instead of .*run the"):
        fetch(offer(site, "x.json", b"{}", **options), tmp_path, pause=0)
    assert not list((tmp_path / "here").iterdir())


def test_a_file_put_there_by_hand_is_verified_and_left_alone(site: Site, tmp_path: Path) -> None:
    content = zipped({"a": "one"})
    file = offer(site, "x.zip", content, **sums(content))
    path = tmp_path / "here/x.zip"
    path.parent.mkdir()
    path.write_bytes(b"another")
    with pytest.raises(UserError, match=r"x\.zip is not what .* gives: 7 bytes"):
        fetch(file, tmp_path)
    assert path.read_bytes() == b"another"
    path.write_bytes(content)
    fetch(file, tmp_path)
    assert path.read_bytes() == content
    assert (tmp_path / "here/a").read_text() == "one"
    assert not site.asked


def test_an_absent_file_is_named_at_once(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"answers 404 .* correct scripts/sources\.yaml"):
        fetch(File(f"{site.address}/none.zip", "here"), tmp_path)
    assert len(site.asked) == 1


def test_no_room_is_told_before_anything_comes(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = offer(site, "x.zip", zipped({"a": "one" * 1000}))
    monkeypatch.setattr(script, "ROOM", 1e18)
    with pytest.raises(UserError, match=r"needs .* GB .* --to <folder>"):
        fetch(file, tmp_path)
    assert not list((tmp_path / "here").iterdir())


def test_a_folder_that_cannot_be_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("a file")
    with pytest.raises(UserError, match=r"cannot be put into .*here"):
        fetch(offer(site, "x.json", b"{}"), tmp_path)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("name", ["../evil", "/tmp/evil_of_glip", "a/../../evil"])
def test_archives_never_write_outside_their_folder(
    name: str, flat: bool, site: Site, tmp_path: Path
) -> None:
    for file in (
        offer(site, "x.zip", zipped({name: "one"}), flat=flat),
        offer(site, "x.tar", tarred(name), flat=flat),
    ):
        if flat:  # the last part of the name alone is harmless
            fetch(file, tmp_path / "root")
            continue
        with pytest.raises(UserError, match="leads out of it"):
            fetch(file, tmp_path / "root")
    below = {path.parent for path in tmp_path.rglob("evil*") if path.suffix != ".done"}
    assert below <= {tmp_path / "root/here"}
    assert not Path("/tmp/evil_of_glip").exists()


def test_links_in_archives_are_left_out(site: Site, tmp_path: Path) -> None:
    fetch(offer(site, "x.tar", tarred("a/evil", link="a")), tmp_path / "root")
    assert list(tmp_path.rglob("evil")) == [tmp_path / "root/here/a/evil"]
    assert not (tmp_path / "root/here/a").is_symlink()


def test_a_folder_of_ones_own_may_be_a_link(site: Site, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root/here").mkdir(parents=True)
    (tmp_path / "root/here/train").symlink_to(tmp_path / "disk")
    fetch(offer(site, "x.zip", zipped({"train/a": "one"})), tmp_path / "root")
    assert (tmp_path / "disk/a").read_text() == "one"


def test_a_flat_archive_loses_its_folders(site: Site, tmp_path: Path) -> None:
    content = gzip.compress(tarred("deep/down/a.json"))
    fetch(offer(site, "x.tar.gz", content, unpack=True, flat=True), tmp_path)
    assert (tmp_path / "here/a.json").read_text() == "one"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.zip", b"PK no"),
        ("x.zip", zipped({"a": "one" * 100}).replace(b"oneone", b"oneoen")),
        ("x.tar", b"<html>" * 1000),
        ("x.tar.gz", gzip.compress(tarred("a", "b"))[:-20]),
    ],
    ids=["no zip", "wrong sum in it", "a page", "cut"],
)
def test_a_damaged_archive_is_named(name: str, content: bytes, site: Site, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is damaged .* remove it and run again"):
        fetch(offer(site, name, content), tmp_path)
    assert not (tmp_path / ".fetched").exists()


def main_on(arguments: list[str], known: dict[str, Any], patch: pytest.MonkeyPatch) -> object:
    """The exit code of the command line."""
    patch.setattr(sys, "argv", ["fetch", *arguments])
    patch.setattr(script, "sources", lambda: known)
    with pytest.raises(SystemExit) as left:
        script.main()
    return left.value.code


def test_an_interrupted_command_keeps_the_part(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = offer(site, "x.json", b"{}")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    known = {"x": {"files": [{"url": file.url, "to": "here"}]}}
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "advance", interrupt)
        assert main_on(["x", "--to", str(tmp_path)], known, patch) == 130
    assert "goes on where it stopped" in capsys.readouterr().err
    assert (tmp_path / "here/x.json.part").exists()


def test_errors_are_told_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_on(["imagenet", "--to", str(tmp_path)], sources(), monkeypatch) == 2
    assert capsys.readouterr().err.startswith("error: no such dataset: imagenet. There are coco, ")


def test_the_list_names_everything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fetch", "--list"])
    script.main()
    shown = capsys.readouterr().out
    assert all(f"{name}: " in shown for name in sources())
    assert "http://images.cocodataset.org/zips/val2017.zip" in shown


def test_what_has_to_be_asked_for_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["objects365", "flickr30k"], tmp_path, sources())
    shown = capsys.readouterr().out
    assert "after a registration" in shown
    assert "Put them into flickr30k/flickr30k_images/" in shown


def all_files() -> list[File]:
    return [file for entry in sources().values() for file in files_of(entry)]


def test_sources_are_primary_and_well_formed() -> None:
    assert "blob.core.windows" not in script.SOURCES.read_text()
    for entry in sources().values():
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


def test_sources_land_where_the_settings_look() -> None:
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


def test_every_task_of_odinw_has_its_archive() -> None:
    tasks = [yaml.safe_load(path.read_text()) for path in (CONF / "odinw").glob("*.yaml")]
    wanted = {task["splits"]["train"]["images"].split("/")[1] for task in tasks}
    assert {Path(file.name).stem for file in all_files() if file.to == "odinw"} == wanted
