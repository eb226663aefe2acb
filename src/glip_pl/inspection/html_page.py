"""Parts of self-contained HTML pages: the page itself, pictures, plots and tables."""

import base64
import html
import io
from collections.abc import Iterable, Sequence

from matplotlib.figure import Figure
from PIL import Image

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; background: #f6f6f4; color: #222 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1.2em }
figure { margin: 0; background: white; padding: .6em; border-radius: 6px;
  box-shadow: 0 1px 3px #0003; overflow-wrap: anywhere }
img { width: 100%; display: block }
figcaption { margin-top: .5em }
mark { color: white; border-radius: 3px; padding: 0 .2em }
small { color: #777 }
.error { color: #a00 }
"""


def document(title: str, body: str, style: str = "") -> str:
    """A complete page; `style` is appended to the style that all pages share."""
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        f"<title>{html.escape(title)}</title><style>{STYLE}{style}</style>{body}</html>\n"
    )


def photograph(picture: Image.Image) -> str:
    """A picture, embedded as JPEG."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=85)
    return _embedded(buffer.getvalue(), "jpeg")


def plot(figure: Figure) -> str:
    """A figure of matplotlib, embedded as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return _embedded(buffer.getvalue(), "png")


def _embedded(encoded: bytes, image_format: str) -> str:
    data = base64.b64encode(encoded).decode()
    return f"<img loading='lazy' alt='' src='data:image/{image_format};base64,{data}'>"


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table of texts, which are escaped."""
    rows = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    rows += ["".join(f"<td>{html.escape(cell)}</td>" for cell in cells) for cells in body]
    return table_of_rows(rows)


def table_of_rows(rows: Iterable[str]) -> str:
    """A table of rows whose cells are HTML already."""
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
