import pytest
from PIL import Image

from glip_pl.errors import UserError
from glip_pl.serving.pictures import PictureSizeError, decoded, example_sources
from tests.serving.pictures import PICTURE, bomb, encoded

FILE = encoded(PICTURE)
PIXELS = PICTURE.width * PICTURE.height


def turned() -> bytes:
    """The picture as a camera on its side writes it."""
    exif = Image.Exif()
    exif[0x112] = 6
    return encoded(PICTURE, "JPEG", exif=exif)


def test_a_picture_is_decoded_and_turned_upright() -> None:
    assert decoded(FILE, PIXELS).tobytes() == PICTURE.tobytes()
    assert decoded(turned(), PIXELS).size == (PICTURE.height, PICTURE.width)


def test_examples_are_decoded_and_turned_upright() -> None:
    first, second = example_sources([FILE, turned()], 2 * PIXELS)
    assert first.open().tobytes() == PICTURE.tobytes()
    assert second.open().size == (PICTURE.height, PICTURE.width)
    assert (first.name, second.name) == ("like[0]", "like[1]")


def test_a_picture_that_is_too_large_is_not_decoded() -> None:
    with pytest.raises(PictureSizeError, match=r"^image: 120 x 90 pixels; .* at most 10799"):
        decoded(FILE, PIXELS - 1)
    with pytest.raises(PictureSizeError, match=r"^image: more than .* pixels; .* at most 10800"):
        decoded(bomb(50_000, 50_000), PIXELS)
    with pytest.raises(PictureSizeError, match=r"^like\[1\]: 120 x 91 pixels"):
        example_sources([FILE, bomb(120, 91)], PIXELS)


def test_examples_may_have_as_many_pixels_together_as_one_picture() -> None:
    assert len(example_sources([FILE] * 3, 3 * PIXELS)) == 3
    with pytest.raises(PictureSizeError, match=r"^like: 3 pictures with 32400 pixels; .* 32399"):
        example_sources([FILE] * 3, 3 * PIXELS - 1)


def test_a_broken_picture_is_named() -> None:
    with pytest.raises(UserError, match="of the request is broken") as raised:
        decoded(FILE[:600], PIXELS)
    assert not isinstance(raised.value, PictureSizeError)
    with pytest.raises(UserError, match=r"like\[1\] of the request"):
        example_sources([FILE, b"no picture"], 2 * PIXELS)
