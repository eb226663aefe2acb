"""Finished ranges with labels of their own."""

from pathlib import Path

import pytest

from glip_pl.data.formats import voc
from glip_pl.data.formats.voc import VocXml
from glip_pl.data.index import Index
from glip_pl.data.index_integrity import read_sealed
from glip_pl.data.index_writer import IndexWriter
from glip_pl.data.problems import Problems
from glip_pl.data.range_parts import RANGE, Part, join
from glip_pl.data.ranges import write_range
from tests.data.formats.writers import NAMES, scenes
from tests.data.formats.writers import voc as write_voc


def test_labels_of_a_part_become_those_of_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voc, "RANGE_FILES", 2)
    wanted = scenes(4)
    write_voc(tmp_path, wanted)
    reader, parts = VocXml(tmp_path, "train"), []
    for number, part in enumerate(reader.ranges()):
        write_range(reader, part, tmp_path / f"{number}", "source", "error")
        stamp = read_sealed(tmp_path / f"{number}" / RANGE)["stamp"]
        parts.append(Part.open(tmp_path / f"{number}", stamp))
    names = sorted(NAMES)
    (tmp_path / "joined").mkdir()
    with IndexWriter(tmp_path / "joined", "source", Problems(), "error") as writer:
        join(parts, names, writer)
        writer.finish(names)
    index = Index.open(tmp_path / "joined")
    for row, scene in enumerate(wanted):
        assert [names[label] for label in index.targets[row]] == [NAMES[n] for n in scene.labels]


def test_a_part_of_other_files_is_stale(tmp_path: Path) -> None:
    write_voc(tmp_path, scenes(2))
    reader = VocXml(tmp_path, "train")
    files = [(path, number) for number, path in enumerate(reader.files[1:])]
    part = voc.VocRange(files, (), [tmp_path / "JPEGImages"])
    write_range(reader, part, tmp_path / "part", "source", "error")
    with pytest.raises(ValueError, match="is of other files"):
        Part.open(tmp_path / "part", "another stamp")
