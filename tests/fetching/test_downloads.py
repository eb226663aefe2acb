"""Downloads from a local server that serves ranges, breaks connections and is busy."""

from pathlib import Path
from typing import Any

import pytest

from glip_pl.errors import UserError
from glip_pl.fetch import fetch
from glip_pl.fetching import downloads
from glip_pl.fetching.downloads import File
from tests.fetching.publisher import Site, checksums, offer, zipped


def test_an_interrupted_download_is_resumed_where_it_stopped(site: Site, tmp_path: Path) -> None:
    data = zipped({"a": "one" * 1000})
    site.cuts = [40, 60]
    fetch(offer(site, "x.zip", data, **checksums(data)), tmp_path, pause=0)
    assert site.requested_ranges == [None, "bytes=40-", "bytes=100-"]
    assert (tmp_path / "here/a").read_text() == "one" * 1000


def test_tries_that_bring_new_bytes_are_not_counted(site: Site, tmp_path: Path) -> None:
    site.cuts = [1] * (2 * downloads.TRIES)
    fetch(offer(site, "x.json", b"{}" * 100), tmp_path, pause=0)
    assert (tmp_path / "here/x.json").read_bytes() == b"{}" * 100


def test_a_server_without_ranges_sends_the_whole_file_again(site: Site, tmp_path: Path) -> None:
    site.supports_ranges, site.cuts = False, [40]
    fetch(offer(site, "x.json", b"{}" * 100), tmp_path, pause=0)
    assert site.requested_ranges == [None, "bytes=40-"]
    assert (tmp_path / "here/x.json").read_bytes() == b"{}" * 100


def test_a_complete_partial_file_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    file = offer(site, "x.json", b"{}")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/x.json.part").write_bytes(b"{}")
    fetch(file, tmp_path)
    assert (tmp_path / "here/x.json").read_bytes() == b"{}"


def test_a_request_to_a_busy_server_is_repeated(site: Site, tmp_path: Path) -> None:
    site.busy = 2
    fetch(offer(site, "x.json", b"{}"), tmp_path, pause=0)
    assert len(site.requested_ranges) == 3


def test_received_bytes_are_kept_when_the_server_goes_away(site: Site, tmp_path: Path) -> None:
    site.cuts = [40] + [0] * downloads.TRIES
    with pytest.raises(UserError, match=r"cannot be reached.*kept in .*x\.json\.part"):
        fetch(offer(site, "x.json", b"{}" * 100), tmp_path, pause=0)
    assert (tmp_path / "here/x.json.part").stat().st_size == 40


@pytest.mark.parametrize(
    "options", [{"sha256": "0" * 64}, {"md5": "0" * 32}, {"bytes": 3}], ids=str
)
def test_a_file_with_a_wrong_checksum_is_removed_and_named(
    options: dict[str, Any], site: Site, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"x\.json is not the file that .* instead of .*run the"):
        fetch(offer(site, "x.json", b"{}", **options), tmp_path, pause=0)
    assert not list((tmp_path / "here").iterdir())


def test_a_missing_file_is_named_after_one_request(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"answers 404 .* correct fetching/sources\.yaml"):
        fetch(File(f"{site.address}/none.zip", "here"), tmp_path)
    assert len(site.requested_ranges) == 1


def test_missing_disk_space_is_reported_before_the_download(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = offer(site, "x.zip", zipped({"a": "one" * 1000}))
    monkeypatch.setattr(downloads, "ARCHIVE_SPACE", 1e18)
    with pytest.raises(UserError, match=r"needs .* GB .* --to <folder>"):
        fetch(file, tmp_path)
    assert not list((tmp_path / "here").iterdir())
