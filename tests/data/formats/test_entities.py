from pathlib import Path

import pytest

from glip_pl.data.formats.entities import Entity, read_entities
from glip_pl.errors import UserError

SENTENCES = """[/EN#1/people A man] sees [/EN#2/animals/other two dogs] in [/EN#3/scene a park] .

Nothing is marked here .
"""
XML = """<annotation>
<object><name>1</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
<object><name>2</name><name>1</name><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
<object><name>3</name><scene>1</scene><nobndbox>1</nobndbox></object></annotation>
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in (("Sentences/7.txt", SENTENCES), ("Annotations/7.xml", XML)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    return tmp_path


def test_phrases_have_the_boxes_of_their_chain(root: Path) -> None:
    man = Entity([(1, 2, 30, 40), (5, 5, 9, 9)], ["people"])
    dogs = Entity([(5, 5, 9, 9)], ["animals", "other"])
    # The park has no boxes, and an empty line is not a sentence.
    assert read_entities(root, "7") == [[man, dogs], []]


def test_missing_and_malformed_files_are_named(root: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the boxes .*8\.xml"):
        read_entities(root, "8")
    (root / "Annotations/7.xml").write_text(XML.replace("<xmin>5", "<xmin>wide"))
    with pytest.raises(UserError, match=r"cannot read the boxes .*7\.xml"):
        read_entities(root, "7")
    (root / "Annotations/7.xml").write_text(f"<!DOCTYPE a>{XML}")
    with pytest.raises(UserError, match=r"7\.xml: it declares a document type"):
        read_entities(root, "7")
    (root / "Annotations/7.xml").write_text(XML)
    (root / "Sentences/7.txt").unlink()
    with pytest.raises(UserError, match=r"cannot read the sentences .*7\.txt"):
        read_entities(root, "7")


def test_image_names_stay_inside_the_folder(root: Path) -> None:
    with pytest.raises(UserError, match="leads out of"):
        read_entities(root, "../../7")
