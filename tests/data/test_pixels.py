"""Pictures of any mode become RGB; a warning names what is lost, once per process."""

import io

import numpy as np
import pytest
from PIL import Image

from glip_pl.data import pixels
from glip_pl.data.images import decode_image
from glip_pl.data.pixels import rgb
from glip_pl.errors import UserError


@pytest.fixture(autouse=True)
def nothing_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_reported", set())


def frames(kind: str) -> bytes:
    """A file with two grey frames, the second darker."""
    buffer = io.BytesIO()
    first, second = (Image.new("L", (8, 6), grey) for grey in (200, 10))
    first.save(buffer, format=kind, save_all=True, append_images=[second])
    return buffer.getvalue()


def test_sixteen_bits_lose_their_lower_half() -> None:
    grey = np.array([[0, 255, 256, 65535]], dtype=np.uint16)
    assert np.asarray(rgb(Image.fromarray(grey), "x"))[..., 0].tolist() == [[0, 0, 1, 255]]


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "I;16"])
def test_the_exif_orientation_is_kept(mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    encoded = io.BytesIO()
    Image.new(mode, (40, 30)).save(encoded, "PNG", exif=exif)
    assert rgb(Image.open(encoded), "a.png").getexif()[0x0112] == 6


def test_a_picture_of_twelve_bits_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    rgb(Image.fromarray(np.full((4, 4), 4096, dtype=np.uint16)), "full.png")
    assert not caplog.text
    for name in ("micro.png", "other.png"):
        rgb(Image.fromarray(np.full((4, 4), 4095, dtype=np.uint16)), name)
    assert "micro.png has 16 bits a pixel but no value above 4095" in caplog.text
    assert "other.png" not in caplog.text


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_reported(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    image = Image.new("RGBA", (8, 6), (9, 9, 9, 255))
    rgb(image.convert(mode), "opaque.png")
    assert not caplog.text
    image.putpixel((2, 2), (0, 0, 0, 0))
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, format="PNG", **({"transparency": 0} if mode == "P" else {}))
    decode_image(buffer.getvalue(), "icon.png")
    assert "icon.png has transparent pixels" in caplog.text


def test_a_transparent_colour_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (9, 9, 9)).save(buffer, format="PNG", transparency=(9, 9, 9))
    assert decode_image(buffer.getvalue(), "icon.png").getpixel((0, 0)) == (9, 9, 9)
    assert "icon.png has transparent pixels" in caplog.text


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_frame_is_taken_and_the_others_are_reported(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    value = np.asarray(decode_image(frames(kind), "film"))[0, 0, 0]
    assert abs(int(value) - 200) <= 2
    assert "film holds several frames" in caplog.text


def test_a_frame_that_the_caller_chose_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    with Image.open(io.BytesIO(frames("TIFF"))) as image:
        image.seek(1)
        assert np.asarray(rgb(image, "film"))[0, 0].tolist() == [10, 10, 10]
    assert not caplog.text


def test_a_photograph_with_previews_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    buffer = io.BytesIO()
    photo = Image.new("RGB", (64, 48), (200, 100, 50))
    photo.save(buffer, format="MPO", save_all=True, append_images=[photo.resize((16, 12))])
    assert decode_image(buffer.getvalue(), "phone.jpg").size == (64, 48)
    assert not caplog.text


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_of_unknown_range_are_refused(mode: str) -> None:
    with pytest.raises(UserError, match=f"depth holds numbers of no known range.*{mode}"):
        rgb(Image.new(mode, (4, 4)), "depth")
