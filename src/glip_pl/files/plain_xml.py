"""Reads XML files without document types, whose entities may expand without end."""

from pathlib import Path
from xml.etree.ElementTree import Element, fromstring


def read_plain_xml(path: Path) -> Element:
    """The root of an XML file whose encoding contains ASCII.

    Raises OSError, or ValueError or ParseError if the file is malformed or declares a document
    type.
    """
    content = path.read_bytes()
    # In UTF-16, where every other byte of ASCII characters is zero, neither would be found.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content or b"\0" in content:
        raise ValueError("it declares a document type, which may expand without end, or is UTF-16")
    return fromstring(content)
