"""Texts that XML can hold, and XML files that people can read."""

import re
from xml.etree.ElementTree import Element, indent, tostring

from glip_pl.errors import UserError

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write: control characters and parts of broken names."""


def xml_text(value: str) -> str:
    """The text itself. Raises UserError if it has a character that XML cannot hold."""
    if FORBIDDEN.search(value):
        raise UserError(
            f"XML has no way to write the name {value!r:.80}: rename it, or use format=coco"
        )
    return value


def xml_lines(element: Element, level: int = 0) -> str:
    """An element as lines, indented by `level` steps of two blanks."""
    indent(element, level=level)
    return "  " * level + tostring(element, encoding="unicode").rstrip() + "\n"
