from pathlib import Path

import pytest

from glip_pl.data.formats.voc import VocXml
from glip_pl.data.indexing import open_index

XML = """<annotation><filename>{name}.jpg</filename>
<size><width>20</width><height>20</height></size>
<object><name>cat</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>
</object></annotation>"""


@pytest.mark.parametrize(
    ("stems", "ids"),
    [
        (["2008_000001", "2008_000012"], [2008000001, 2008000012]),
        (["12_3", "1_23"], [0, 1]),  # both would be 123
        (["5", "cat"], [0, 1]),
    ],
)
def test_ids_are_the_numbers_of_the_files_if_all_differ(
    stems: list[str], ids: list[int], tmp_path: Path
) -> None:
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "JPEGImages").mkdir()
    for stem in stems:
        (tmp_path / "Annotations" / f"{stem}.xml").write_text(XML.format(name=stem))
    index = open_index(VocXml(tmp_path), tmp_path / "index")
    assert sorted(index.image_ids.tolist()) == sorted(ids)
