from pathlib import Path
from xml.etree.ElementTree import ParseError

import pytest

from glip_pl.files.plain_xml import read_plain_xml

LAUGHS = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "cccc">]><a>&b;</a>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_document_types_are_refused_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(LAUGHS.encode(encoding))
    with pytest.raises(ValueError, match="declares a document type"):
        read_plain_xml(path)


def test_other_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<a><b>für</b></a>", encoding="utf-8")
    assert read_plain_xml(path).findtext("b") == "für"
    path.write_text("<a>")
    with pytest.raises(ParseError):
        read_plain_xml(path)
