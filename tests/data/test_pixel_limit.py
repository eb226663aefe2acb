import io

import pytest
from PIL import Image

from glip_pl.data.images import decode_image
from glip_pl.data.pixel_limit import MAX_PIXELS
from glip_pl.errors import UserError


def test_the_limit_of_pixels_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_PIXELS > 200_000_000  # the largest photographs of telephones
    monkeypatch.setenv("GLIP_MAX_PIXELS", "100")
    for width, fits in ((10, True), (11, False)):
        encoded = io.BytesIO()
        Image.new("1", (width, 10)).save(encoded, "PNG")
        if fits:
            assert decode_image(encoded.getvalue(), "x").size == (10, 10)
        else:
            with pytest.raises(UserError, match="more than 100 pixels, too large to be safe"):
                decode_image(encoded.getvalue(), "x")
    monkeypatch.setenv("GLIP_MAX_PIXELS", "many")
    with pytest.raises(UserError, match="GLIP_MAX_PIXELS=many is no number of pixels"):
        decode_image(b"", "x")


def test_the_limit_of_other_programs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1234)
    encoded = io.BytesIO()
    Image.new("RGB", (100, 100)).save(encoded, "PNG")
    assert decode_image(encoded.getvalue(), "x").size == (100, 100)
    assert Image.MAX_IMAGE_PIXELS == 1234
