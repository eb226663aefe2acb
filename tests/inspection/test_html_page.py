"""Pages hold their pictures themselves, and texts in them cannot become HTML."""

import base64
import io
import re

from matplotlib.figure import Figure
from PIL import Image

from glip_pl.inspection.html_page import document, photograph, plot, table, table_of_rows


def decoded(html: str, image_format: str) -> Image.Image:
    (data,) = re.findall(f"data:image/{image_format};base64,([^']+)'", html)
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_page_has_an_escaped_title_and_its_own_style() -> None:
    html = document("a < b", "<p>body</p>", "p { color: red }")
    assert html.startswith("<!doctype html>")
    assert "<title>a &lt; b</title>" in html
    assert "p { color: red }</style><p>body</p></html>" in html


def test_pictures_and_plots_are_embedded() -> None:
    picture = decoded(photograph(Image.new("RGBA", (30, 20), (255, 0, 0, 255))), "jpeg")
    assert picture.size == (30, 20)
    assert picture.getpixel((5, 5))[0] > 250  # type: ignore[index]  # an RGB pixel
    assert decoded(plot(Figure(figsize=(2, 1), dpi=50)), "png").size == (100, 50)


def test_cells_are_escaped_unless_they_are_html() -> None:
    head = "<tr><th>name</th><th>&lt;AP&gt;</th></tr>"
    body = "<tr><td>a &amp; b</td><td>1</td></tr>"
    assert table(["name", "<AP>"], [["a & b", "1"]]) == f"<table>{head}{body}</table>"
    assert table_of_rows(["<td>1</td>"]) == "<table><tr><td>1</td></tr></table>"
