from xml.etree.ElementTree import Element, SubElement

import pytest

from glip_pl.annotations.xml_texts import xml_lines, xml_text
from glip_pl.errors import UserError


@pytest.mark.parametrize("text", ['a <b> & "c"', "猫 🐈", "tab\t"])
def test_ordinary_texts_pass(text: str) -> None:
    assert xml_text(text) == text


@pytest.mark.parametrize("text", ["a\x00", "\x1b[31m", "\udc80", "\uffff"])
def test_what_xml_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"XML has no way to write the name .* use format=coco"):
        xml_text(text)


def test_elements_are_indented() -> None:
    root = Element("a")
    SubElement(root, "b").text = "<"
    assert xml_lines(root, level=1) == "  <a>\n    <b>&lt;</b>\n  </a>\n"
