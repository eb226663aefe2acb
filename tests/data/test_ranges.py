"""Large sources, indexed in ranges by several processes."""

import io
import json
import os
import pickle
import re
import signal
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from glip_pl.data import indexing, ranges
from glip_pl.data.formats import odvg, tsv, voc, web_shards, yolo
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.formats.text_lines import Lines
from glip_pl.data.formats.tsv import TsvYaml
from glip_pl.data.formats.voc import VocXml
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.index import COLUMNS, Index
from glip_pl.data.indexing import open_index
from glip_pl.data.problems import Problems
from glip_pl.data.ranges import (
    RangeContents,
    RangedReader,
    ranges_of,
    write_in_ranges,
    write_range,
)
from glip_pl.data.records import Reader
from glip_pl.errors import UserError
from tests.data.formats import writers
from tests.data.formats.writers import Scene, add, scenes


def by_name(function: writers.Writer) -> str:
    """The name of a writer, as a parameter id."""
    return str(getattr(function, "__name__", function))


PER_RANGE = {
    (web_shards, "SHARDS"): 2,
    (odvg, "RANGE_BYTES"): 1500,
    (tsv, "RANGE_ROWS"): 5,
    (voc, "RANGE_FILES"): 5,
    (yolo, "RANGE_PICTURES"): 5,
}
"""What a range holds in these tests."""


def in_this_process(*call: Any) -> str | None:
    """Index a range as another process would, which gets its arguments pickled."""
    write_range(*pickle.loads(pickle.dumps(call)))
    return None


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ranges, which this process reads itself."""
    for (module, name), size in PER_RANGE.items():
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr(ranges, "_run", in_this_process)


def columns(index: Index) -> dict[str, Any]:
    """All that the files of an index hold."""
    content = {name: (index.folder / f"{name}.bin").read_bytes() for name in COLUMNS}
    return {**content, "names": index.names, "blocks": index.blocks.tolist()}


def both(
    reader: Reader, tmp_path: Path, tolerate: float = 0, of_parts: bool = True
) -> tuple[Index, Index]:
    """The index of a source as one process makes it, and as several do, by which it is joined.

    Unless `of_parts`, these cannot join it, and one process makes it again.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexing, "ranges_of", lambda reader: ())
        whole = open_index(reader, tmp_path / "whole", tolerate=tolerate)
    with pytest.MonkeyPatch.context() as joining:
        joined: list[bool] = []

        def write(*call: Any) -> bool:
            joined.append(write_in_ranges(*call))
            return joined[-1]

        joining.setattr(indexing, "write_in_ranges", write)
        index = open_index(reader, tmp_path / "ranges", tolerate=tolerate)
    assert joined == [of_parts]
    return whole, index


def odvg_without_map(root: Path, wanted: Sequence[Scene]) -> Reader:
    """Lines whose boxes name their labels."""
    reader = writers.odvg_detection(root, wanted)
    assert isinstance(reader, OdvgJsonl)
    (root / "label_map.json").unlink()
    return OdvgJsonl(reader.annotations, reader.images)


def two_chunks(root: Path, wanted: Sequence[Scene]) -> Reader:
    """TSV files of two chunks, one of which has a list of rows, and keys that are no numbers."""
    for number, part in enumerate((wanted[:7], wanted[7:])):
        folder = root / f"chunk{number}"
        folder.mkdir()
        writers.tsv_captions_v2(folder, part)
        labels = folder / "cc.label.tsv"
        labels.write_text(re.sub(r"(?m)^1", "a", labels.read_text()))
    with (root / "chunk1/cc.yaml").open("a") as settings:
        settings.write("linelist: rows.txt\n")
    (root / "chunk1/rows.txt").write_text("3 1 1 5 0 2 6\n")
    return TsvYaml(root / "chunk*/cc.yaml")


def voc_with_other_split(root: Path, wanted: Sequence[Scene]) -> Reader:
    """Files of which some are of another split, with a category that the split lacks."""
    writers.voc(root, wanted)
    listed = root / "ImageSets/Main/train.txt"
    listed.write_text("".join(listed.read_text().splitlines(keepends=True)[:11]))
    other = root / "Annotations/2008_000016.xml"
    other.write_text(re.sub("<name>[^<]*</name>", "<name>aardvark</name>", other.read_text()))
    return VocXml(root, "train")


def voc_with_names(root: Path, wanted: Sequence[Scene]) -> Reader:
    """Files with the setting `names`."""
    writers.voc(root, wanted)
    return VocXml(root, "train", writers.NAMES[::-1])


FORMATS: list[writers.Writer] = [
    *(writers.web_shards, writers.odvg_detection, odvg_without_map, writers.odvg_grounding),
    *(writers.tsv_detection, writers.tsv_captions_v1, two_chunks, writers.voc),
    *(voc_with_other_split, voc_with_names, writers.yolo),
]


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("write", FORMATS, ids=by_name)
def test_ranges_are_joined_to_the_same_index(write: writers.Writer, tmp_path: Path) -> None:
    reader = write(tmp_path, scenes(17))
    assert len(ranges_of(reader)) >= 3
    whole, joined = both(reader, tmp_path)
    assert columns(joined) == columns(whole)
    assert len(set(joined.image_ids.tolist())) > 3
    assert not list((tmp_path / "ranges").glob("*.ranges"))


@pytest.mark.parametrize("write", FORMATS, ids=by_name)
def test_a_small_source_is_read_by_one_process(write: writers.Writer, tmp_path: Path) -> None:
    assert not ranges_of(write(tmp_path, scenes(17)))


def test_a_json_document_is_read_by_one_process(tmp_path: Path) -> None:
    for write in (writers.coco, writers.mdetr):
        folder = tmp_path / by_name(write)
        folder.mkdir()
        assert not isinstance(write(folder, scenes(3)), RangedReader)


@pytest.mark.usefixtures("small_ranges")
def test_rows_that_no_file_lists_are_read_by_one_process(tmp_path: Path) -> None:
    reader = writers.tsv_detection(tmp_path, scenes(17))
    (tmp_path / "images.lineidx").unlink()
    assert not ranges_of(reader)


def damage(file: Path) -> None:
    """Make some of the records in a file unreadable."""
    content = file.read_bytes()
    if file.suffix in (".jsonl", ".tsv"):
        lines = content.splitlines(keepends=True)
        for row in (3, 12):
            lines[row] = lines[row].replace(b"[", b"{")
        content = b"".join(lines)
    else:
        content = content.replace(b".", b"x").replace(b"<", b"{")
    file.write_bytes(content)


DAMAGED: dict[writers.Writer, str] = {
    writers.odvg_detection: "od.jsonl",
    writers.odvg_grounding: "vg.jsonl",
    writers.tsv_detection: "train.label.tsv",
    writers.voc: "Annotations/2008_000013.xml",
    voc_with_names: "Annotations/2008_000013.xml",
    writers.yolo: "labels/train/*.txt",
}
"""A file of each format to damage, or several, of which the last one is damaged."""


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("write", DAMAGED, ids=by_name)
def test_bad_records_count_as_in_one_process(write: writers.Writer, tmp_path: Path) -> None:
    reader = write(tmp_path, scenes(17))
    damage(sorted(tmp_path.glob(DAMAGED[write]))[-1])
    whole, joined = both(reader, tmp_path, tolerate=0.9)
    assert columns(joined) == columns(whole)
    for tolerate in (0, 0.01):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(UserError) as alone:
            patch.setattr(indexing, "ranges_of", lambda reader: ())
            open_index(reader, tmp_path / "bad", tolerate=tolerate)
        with pytest.raises(UserError) as several:
            open_index(reader, tmp_path / "bad", tolerate=tolerate)
        assert str(several.value) == str(alone.value)


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize(
    ("line", "named", "message"),
    [
        (2, "dog", "the label 0 is called"),  # in one range
        (15, "dog", "the label 0 is called"),  # in another one
        (15, None, r"line 16 is malformed: .*labels"),
    ],
)
def test_labels_without_one_name_are_told_as_by_one_process(
    line: int, named: str | None, message: str, tmp_path: Path
) -> None:
    """Two boxes of a label with different names, and one of a label that nothing names."""
    lines = []
    for number in range(17):
        box: dict[str, Any] = {"bbox": [1, 1, 9, 9], "label": number % 2, "category": "cat"}
        box["category"] = ("cat", "cow")[number % 2]
        if number == line:
            box = {**box, "label": 0, "category": named}
            if named is None:
                box = {"bbox": [1, 1, 9, 9], "label": 7}
        about = {"filename": "a.png", "width": 20, "height": 10, "more": "x" * 200}
        lines.append(json.dumps({**about, "detection": {"instances": [box]}}))
    (tmp_path / "od.jsonl").write_text("\n".join(lines))
    reader = OdvgJsonl(tmp_path / "od.jsonl", tmp_path)
    assert len(ranges_of(reader)) == 4
    with pytest.raises(UserError, match=message):
        open_index(reader, tmp_path / "index")


@dataclass(frozen=True)
class KilledOnce(OdvgJsonl):
    """Its process is killed when it reads the second range for the first time."""

    def read_range(self, lines: Lines, problems: Problems) -> RangeContents:
        marks = Path(self.annotations).with_name("read.txt")
        with marks.open("a") as file:
            file.write(f"{lines.number} ")
        if lines.number and len(marks.read_text().split()) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read_range(lines, problems)


@pytest.mark.slow
def test_a_killed_process_repeats_its_own_range_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers.odvg_grounding(tmp_path, scenes(17))
    monkeypatch.setattr(odvg, "RANGE_BYTES", (tmp_path / "vg.jsonl").stat().st_size // 2)
    monkeypatch.setattr(ranges, "processes", lambda: 1)
    reader = KilledOnce(tmp_path / "vg.jsonl", tmp_path / "pictures")
    first, second, *others = [lines.number for lines in reader.ranges()]
    with pytest.raises(UserError, match=r"range 2 of \d of .* ended with the code -9 "):
        open_index(reader, tmp_path / "index")
    index = open_index(reader, tmp_path / "index")
    read = [int(number) for number in (tmp_path / "read.txt").read_text().split()]
    assert read == [first, second, second, *others]
    monkeypatch.setattr(indexing, "ranges_of", lambda reader: ())
    whole = open_index(OdvgJsonl(*(reader.annotations, reader.images)), tmp_path / "whole")
    assert columns(index) == columns(whole)


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("write", FORMATS, ids=by_name)
def test_after_an_interruption_unfinished_ranges_alone_are_read(
    write: writers.Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = write(tmp_path, scenes(17))
    read: list[Any] = []

    def run(reader: RangedReader, part: ranges.Range, *more: Any) -> str | None:
        read.append(part)
        if len(read) == 2:
            return "the code -9"
        return in_this_process(reader, part, *more)

    monkeypatch.setattr(ranges, "_run", run)
    monkeypatch.setattr(ranges, "processes", lambda: 1)
    with pytest.raises(UserError, match=r"range 2 of .* ended with the code -9"):
        open_index(reader, tmp_path / "index")
    open_index(reader, tmp_path / "index")
    every = list(ranges_of(reader))
    assert read == [*every[:2], *every[1:]]


@pytest.mark.usefixtures("small_ranges")
def test_a_shard_that_changed_is_read_again(tmp_path: Path) -> None:
    reader = writers.web_shards(tmp_path, scenes(12), per_shard=3)
    assert isinstance(reader, WebShards)
    write_range(reader, (0, 2), tmp_path / "finished" / "000000", "source", "error")
    writers.web_shards(tmp_path, scenes(12)[::-1], per_shard=3)
    whole, _ = both(reader, tmp_path)
    (tmp_path / "joined").mkdir()
    folders = tmp_path / "joined", tmp_path / "finished"
    assert write_in_ranges(reader, reader.ranges(), *folders, "source", Problems(), "error")
    assert columns(Index.open(tmp_path / "joined")) == columns(whole)


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("tolerate", [0, 0.02, 0.5])
def test_bad_shards_count_as_in_one_process(tmp_path: Path, tolerate: float) -> None:
    reader = writers.web_shards(tmp_path, scenes(17), per_shard=3)
    for number in (1, 3):
        file = tmp_path / f"{number:05d}.tar"
        file.write_bytes(file.read_bytes()[:-9000])
    if tolerate == 0.5:
        whole, joined = both(reader, tmp_path, tolerate)
        assert columns(joined) == columns(whole)
        return
    with pytest.raises(UserError, match=r"is damaged|items are bad"):
        open_index(reader, tmp_path / "index", tolerate=tolerate)


def detection(folder: Path, names: list[list[str | None]]) -> WebShards:
    """Shards of one picture each, with a box of label n and these names by n in each."""
    image = io.BytesIO()
    Image.new("RGB", (20, 10)).save(image, "PNG")
    for shard, of_shard in enumerate(names):
        boxes = [
            {"bbox": [1, 1, 9, 9], "label": label, **({"category": name} if name else {})}
            for label, name in enumerate(of_shard)
        ]
        about = {"width": 20, "height": 10, "detection": {"instances": boxes}}
        with tarfile.open(folder / f"{shard:05d}.tar", "w") as tar:
            add(tar, "a.png", image.getvalue())
            add(tar, "a.json", json.dumps(about).encode())
    return WebShards(str(folder / "*.tar"))


@pytest.mark.usefixtures("small_ranges")
def test_names_of_categories_may_stand_in_another_range(tmp_path: Path) -> None:
    reader = detection(tmp_path, [["cat", "dog"], ["cat"], [None, None], ["cat", "dog", "cow"]])
    whole, joined = both(reader, tmp_path, of_parts=False)
    assert joined.names == ["cat", "dog", "cow"]
    assert columns(joined) == columns(whole)


@pytest.mark.usefixtures("small_ranges")
def test_names_that_contradict_one_another_are_refused(tmp_path: Path) -> None:
    reader = detection(tmp_path, [["cat"], ["cat"], ["dog"]])
    with pytest.raises(UserError, match="the label 0 is called 'cat' and 'dog'"):
        open_index(reader, tmp_path / "index")


def test_a_process_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_shards, "SHARDS", 2)
    reader = writers.web_shards(tmp_path, scenes(9), per_shard=3)
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(UserError, match=r"indexing range 1 of 2 of .* only unfinished ranges"):
        open_index(reader, tmp_path / "index")
