from pathlib import Path

from glip_pl.annotations.pictures import place_picture


def test_a_copy_shares_nothing_with_the_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"pixels")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    copy = tmp_path / "out/deep/b.png"
    place_picture(tmp_path / "link.png", copy)
    copy.write_bytes(b"changed")
    assert (tmp_path / "a.png").read_bytes() == b"pixels"


def test_a_picture_that_is_no_file_is_left_out(tmp_path: Path) -> None:
    place_picture(tmp_path / "absent.png", tmp_path / "out/b.png")
    assert not (tmp_path / "out").exists()
