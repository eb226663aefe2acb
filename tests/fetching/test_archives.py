"""Archives are unpacked into their folder only, and damaged ones are named."""

import gzip
from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.fetch import fetch
from tests.fetching.publisher import Site, offer, tarred, zipped


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


def test_links_in_archives_are_not_unpacked(site: Site, tmp_path: Path) -> None:
    fetch(offer(site, "x.tar", tarred("a/evil", link="a")), tmp_path / "root")
    assert list(tmp_path.rglob("evil")) == [tmp_path / "root/here/a/evil"]
    assert not (tmp_path / "root/here/a").is_symlink()


def test_the_target_folder_may_contain_links_of_the_user(site: Site, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root/here").mkdir(parents=True)
    (tmp_path / "root/here/train").symlink_to(tmp_path / "disk")
    fetch(offer(site, "x.zip", zipped({"train/a": "one"})), tmp_path / "root")
    assert (tmp_path / "disk/a").read_text() == "one"


def test_flat_drops_the_folders_inside_an_archive(site: Site, tmp_path: Path) -> None:
    data = gzip.compress(tarred("deep/down/a.json"))
    fetch(offer(site, "x.tar.gz", data, unpack=True, flat=True), tmp_path)
    assert (tmp_path / "here/a.json").read_text() == "one"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.zip", b"PK no"),
        ("x.zip", zipped({"a": "one" * 100}).replace(b"oneone", b"oneoen")),
        ("x.tar", b"<html>" * 1000),
        ("x.tar.gz", gzip.compress(tarred("a", "b"))[:-20]),
    ],
    ids=["no zip", "wrong sum in it", "a page", "cut"],
)
def test_a_damaged_archive_is_named(name: str, data: bytes, site: Site, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is damaged .* remove it and run again"):
        fetch(offer(site, name, data), tmp_path)
    assert not (tmp_path / ".fetched").exists()
