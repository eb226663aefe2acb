"""Example boxes as a visitor gives them: a line of numbers each, or two clicks on the picture."""

from collections.abc import Sequence

from glip_pl.errors import UserError
from glip_pl.inference.visual_prompt import NAME

Corner = tuple[int, int]
"""x and y of a pixel."""


def boxes_of(text: str) -> dict[str, list[list[float]]]:
    """Boxes by name from lines such as "scratch: 10, 20, 60, 80"; a name may be left out.

    Raises UserError if a line has no four numbers, or if there is none.
    """
    boxes: dict[str, list[list[float]]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, numbers = line.rpartition(":")
        try:
            box = [float(number) for number in numbers.replace(",", " ").split()]
        except ValueError:
            box = []
        if len(box) != 4 or (colon and not name.strip()):
            raise UserError(f"{line!r} is no box: write a name, a colon, and x1, y1, x2, y2")
        boxes.setdefault(name.strip() or NAME, []).append(box)
    if not boxes:
        raise UserError("show the model a box: click on two of its corners in the example picture")
    return boxes


def with_click(
    text: str, name: str, first: Corner | None, click: Sequence[int]
) -> tuple[str, Corner | None]:
    """The lines of boxes, and the corner that waits for its opposite, after a click (x, y).

    The second click of two adds a box, which has both of its pixels, with a name if there is one.
    """
    x, y = int(click[0]), int(click[1])
    if first is None:
        return text, (x, y)
    low, high = (min(x, first[0]), min(y, first[1])), (max(x, first[0]) + 1, max(y, first[1]) + 1)
    label = f"{name.strip()}: " if name.strip() else ""
    line = label + ", ".join(map(str, (*low, *high)))
    return "\n".join(filter(None, [text.rstrip(), line])), None
