"""Labels in any script: characters of a font, the user's own file, one warning."""

import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageDraw

from glip_pl.errors import UserError
from glip_pl.inference.fonts import VARIABLE, font_files, label_font, missing, use_font
from glip_pl.inspection.charts import line_plot


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """No font of the user's, before and after the test."""
    monkeypatch.setenv(VARIABLE, "")


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """A font whose only character is the Chinese one for a cat, a black square."""
    pen = TTGlyphPen(None)
    for corner, move in (((0, 0), pen.moveTo), ((0, 800), pen.lineTo), ((800, 800), pen.lineTo),
                         ((800, 0), pen.lineTo)):  # fmt: skip
        move(corner)
    pen.closePath()
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "cat"])
    builder.setupCharacterMap({ord("猫"): "cat"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "cat": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (900, 0), "cat": (900, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "squares.ttf"
    builder.save(path)
    return path


def ink(text: str) -> float:
    """The share of a label's pixels that are black."""
    font = label_font(text, 40)
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (int(right - left), int(bottom - top)), 255)
    ImageDraw.Draw(picture).text((-left, -top), text, fill=0, font=font)
    return float((np.asarray(picture) < 128).mean())


def test_european_letters_are_drawn_and_not_empty_boxes() -> None:
    (dejavu,) = font_files()
    assert missing("é ж Ω ß א", dejavu) == ""
    shapes = {bytes(label_font(letter, 40).getmask(letter)) for letter in "éжΩß"}
    assert len(shapes) == 4  # empty boxes would all be alike


def test_what_dejavu_lacks_is_told_once_with_the_setting(caplog: pytest.LogCaptureFixture) -> None:
    import glip_pl.inference.fonts as fonts

    fonts._warned.clear()
    with caplog.at_level(logging.WARNING):
        label_font("猫 cat", 12)
        label_font("犬", 12)
    (message,) = caplog.messages
    assert "no glyph for '猫'" in message
    assert "font=<file.ttf>" in message and VARIABLE in message and "no Chinese" in message


def test_the_users_font_draws_what_dejavu_lacks(
    squares: Path, caplog: pytest.LogCaptureFixture
) -> None:
    use_font(squares)
    with caplog.at_level(logging.WARNING):
        assert ink("猫") > 0.8  # an empty box has less
        assert Path(str(label_font("cat", 12).path)).name == "DejaVuSans.ttf"  # squares lacks it
    assert not caplog.messages


def test_plots_have_the_users_font_and_dejavu_for_the_rest(squares: Path, tmp_path: Path) -> None:
    use_font(squares)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        line_plot({"猫 é": [0.0, 1.0]}, ["1", "ж"], "x 猫", "y").savefig(tmp_path / "plot.png")
    assert not [warning for warning in told if "Glyph" in str(warning.message)]


def test_a_file_that_is_no_font_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.ttf").write_text("nothing")
    for path in (tmp_path / "a.ttf", tmp_path / "gone.ttf", tmp_path):
        with pytest.raises(UserError, match=r"cannot be read as a font .*GLIP_FONT"):
            use_font(path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone.ttf"))
    with pytest.raises(UserError, match="cannot be read as a font"):
        label_font("cat", 12)
