"""Files that are taken for pictures are called what they are."""

import pytest

from glip_pl.data.file_kinds import READS_AVIF, foreign_kind
from glip_pl.data.images import decode_image, suffix_of
from glip_pl.errors import UserError

FOREIGN = {
    b"": "empty",
    b"\n <!DOCTYPE html><title>404</title>": "web page",
    b"\xef\xbb\xbf<HTML>": "web page",
    b"<svg xmlns=''>": "SVG",
    b"\0\0\0\x18ftypheic\0\0": "HEIC",
    b"\0\0\0\x18ftypisom\0\0": "video",
    b"%PDF-1.7": "PDF",
    b"version https://git-lfs.github.com/spec/v1": "git lfs pull",
    b'{"message": "not found"}': "a JSON file: download the file itself again",
    b"\xff\x0a\xfa\x7f": "JPEG XL: convert it",
    b"8BPS\0\1": "Photoshop",
} | ({} if READS_AVIF else {b"\0\0\0\x18ftypavif\0\0": "AVIF"})


@pytest.mark.parametrize("content", FOREIGN)
def test_a_foreign_file_is_called_what_it_is(content: bytes) -> None:
    for read in (lambda: decode_image(content, "x.jpg"), lambda: suffix_of(content)):
        with pytest.raises(UserError) as raised:
            read()
        assert FOREIGN[content] in str(raised.value)
        assert "BytesIO" not in str(raised.value)


def test_a_file_of_an_unknown_kind_is_no_picture() -> None:
    assert foreign_kind(b"hello") is None
    with pytest.raises(
        UserError, match=r"x\.jpg is broken or no image: it is none of JPEG"
    ) as told:
        decode_image(b"hello", "x.jpg")
    assert "BytesIO" not in str(told.value)


def test_a_picture_that_is_not_read_is_not_called_another_file() -> None:
    with pytest.raises(UserError, match=r"x\.tif is broken, cut off or stored in a way"):
        decode_image(b"II*\0\x08\0\0\0", "x.tif")
