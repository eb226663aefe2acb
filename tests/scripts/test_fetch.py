"""Downloads from a real local server that can be asked for parts, and cut connections."""

import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlparse

import pytest

from glip_pl.errors import UserError
from scripts.fetch import File, fetch, files_of, run, sources

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
    cut_after: int | None = None  # bytes of the first answer
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            found.asked.append(wanted)
            body = found.content.get(self.path)
            if body is None:
                self.send_error(404)
                return
            start = int(re.findall(r"\d+", wanted)[0]) if wanted and found.ranges else 0
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            rest = body[start:]
            if found.cut_after is not None:
                rest, found.cut_after = rest[: found.cut_after], None
            self.wfile.write(rest)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    found.address = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    server.server_close()


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


def offer(site: Site, name: str, content: bytes, **options: object) -> File:
    site.content[f"/{name}"] = content
    return File(f"{site.address}/{name}", "here", **options)  # type: ignore[arg-type]


def test_an_archive_is_fetched_verified_and_unpacked_once(site: Site, tmp_path: Path) -> None:
    content = zipped(train__a="one", train__b="two")
    file = offer(site, "x.zip", content, md5=hashlib.md5(content).hexdigest(), bytes=len(content))
    fetch(file, tmp_path)
    assert (tmp_path / "here/train/b").read_text() == "two"
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["train"]
    fetch(file, tmp_path)
    assert len(site.asked) == 1


def test_a_cut_download_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    content = zipped(a="one" * 1000)
    file = offer(site, "x.zip", content, md5=hashlib.md5(content).hexdigest())
    site.cut_after = 40
    fetch(file, tmp_path, pause=0)
    assert site.asked == [None, "bytes=40-"]
    assert (tmp_path / "here/a").read_text() == "one" * 1000


def test_a_server_without_ranges_starts_again(site: Site, tmp_path: Path) -> None:
    site.ranges, site.cut_after = False, 40
    fetch(offer(site, "x.json", b"{}" * 100), tmp_path, pause=0)
    assert (tmp_path / "here/x.json").read_bytes() == b"{}" * 100


def test_a_part_that_is_whole_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    file = offer(site, "x.json", b"{}")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/x.json.part").write_bytes(b"{}")
    fetch(file, tmp_path)
    assert (tmp_path / "here/x.json").read_bytes() == b"{}"


def test_a_wrong_file_is_removed_and_named(site: Site, tmp_path: Path) -> None:
    for options in ({"md5": "0" * 32}, {"bytes": 3}):
        file = offer(site, "x.json", b"{}", **options)
        with pytest.raises(UserError, match=r"x\.json is not the file that"):
            fetch(file, tmp_path)
    assert not list((tmp_path / "here").iterdir())


def test_an_absent_file_is_named_at_once(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="answers 404"):
        fetch(File(f"{site.address}/none.zip", "here"), tmp_path)
    assert len(site.asked) == 1


def test_no_room_is_told_before_anything_comes(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs .* GB"):
        fetch(offer(site, "x.json", b"{}", bytes=10**18), tmp_path)
    assert not site.asked


def tarred(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = 3
        archive.addfile(member, io.BytesIO(b"one"))
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil_of_glip", "a/../../evil"])
def test_archives_never_write_outside_their_folder(name: str, site: Site, tmp_path: Path) -> None:
    for file in (
        offer(site, "x.zip", zipped(**{name.replace("/", "__"): "one"})),
        offer(site, "x.tar", tarred(name)),
    ):
        with pytest.raises(UserError, match="leads out of it"):
            fetch(file, tmp_path / "root")
    assert not list(tmp_path.rglob("evil*")) and not Path("/tmp/evil_of_glip").exists()


def test_a_flat_archive_loses_its_folders(site: Site, tmp_path: Path) -> None:
    fetch(offer(site, "x.tar", tarred("deep/down/a.json"), flat=True), tmp_path)
    assert (tmp_path / "here/a.json").read_text() == "one"


def test_a_damaged_archive_is_named(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is damaged"):
        fetch(offer(site, "x.zip", b"PK no"), tmp_path)


def test_sources_are_primary_and_land_where_the_settings_look() -> None:
    folders = set()
    for entry in sources().values():
        if "manual" in entry:
            assert len(entry["manual"]) > 40
            continue
        for file in files_of(entry):
            assert urlparse(file.url).hostname in PRIMARY
            assert "{" not in file.url
            folders.add(file.folder)
    assert {"coco", "coco/annotations", "mdetr_annotations", "gqa", "odinw"} <= folders


def test_what_has_to_be_asked_for_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["objects365"], tmp_path, sources())
    assert "registration" in capsys.readouterr().out
    with pytest.raises(UserError, match="no such dataset: imagenet"):
        run(["imagenet"], tmp_path, sources())
