"""Sources of many shards, indexed in ranges by several processes."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from glip_pl.data import ranges
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.index import COLUMNS, Index
from glip_pl.data.indexing import open_index
from glip_pl.data.problems import Problems
from glip_pl.data.ranges import write_in_ranges, write_range
from glip_pl.errors import UserError
from tests.data.formats.writers import add, scenes, web_shards


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two shards a range, which this process reads itself."""
    monkeypatch.setattr(ranges, "FILES", 2)
    monkeypatch.setattr(ranges, "_run", lambda *call: write_range(*call[:-1]))


def columns(index: Index) -> dict[str, Any]:
    """All that the files of an index hold."""
    content = {name: (index.folder / f"{name}.bin").read_bytes() for name in COLUMNS}
    return {**content, "names": index.names, "blocks": index.blocks.tolist()}


def both(reader: WebShards, tmp_path: Path, tolerate: float = 0) -> tuple[Index, Index]:
    """The index of a source as one process makes it, and joined of ranges."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "FILES", 1000)
        whole = open_index(reader, tmp_path / "whole", tolerate=tolerate)
    return whole, open_index(reader, tmp_path / "ranges", tolerate=tolerate)


@pytest.mark.usefixtures("small_ranges")
def test_ranges_are_joined_to_the_same_index(tmp_path: Path) -> None:
    reader = web_shards(tmp_path, scenes(17), per_shard=3)
    assert isinstance(reader, WebShards)
    whole, joined = both(reader, tmp_path)
    assert columns(joined) == columns(whole)
    assert len(joined.blocks) == 7
    assert not list((tmp_path / "ranges").glob("*.ranges"))


def test_processes_read_the_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "FILES", 2)
    reader = web_shards(tmp_path, scenes(9), per_shard=3)
    assert isinstance(reader, WebShards)
    original = ranges._run

    def run(*call: Any) -> None:
        """The second range is read in this process, to save time."""
        (original if call[1] == (0, 2) else lambda *same: write_range(*same[:-1]))(*call)

    monkeypatch.setattr(ranges, "_run", run)
    whole, joined = both(reader, tmp_path)
    assert columns(joined) == columns(whole)


@pytest.mark.usefixtures("small_ranges")
def test_after_an_interruption_unfinished_ranges_alone_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = web_shards(tmp_path, scenes(17), per_shard=3)
    read: list[int] = []

    def run(reader: WebShards, files: ranges.Range, *more: Any) -> None:
        read.append(files[0])
        if len(read) == 2:
            more[-1].set()
            raise UserError("a process was killed")
        write_range(reader, files, *more[:-1])

    monkeypatch.setattr(ranges, "_run", run)
    monkeypatch.setattr(ranges, "processes", lambda: 1)
    with pytest.raises(UserError, match="was killed"):
        open_index(reader, tmp_path / "index")
    assert read == [0, 2]
    assert len(open_index(reader, tmp_path / "index")) == 17
    assert read == [0, 2, 2, 4]


@pytest.mark.usefixtures("small_ranges")
def test_a_shard_that_changed_is_read_again(tmp_path: Path) -> None:
    reader = web_shards(tmp_path, scenes(12), per_shard=3)
    assert isinstance(reader, WebShards)
    write_range(reader, (0, 2), tmp_path / "finished" / "000000", "source", "error")
    web_shards(tmp_path, scenes(12)[::-1], per_shard=3)
    whole, _ = both(reader, tmp_path)
    (tmp_path / "joined").mkdir()
    folders = tmp_path / "joined", tmp_path / "finished"
    assert write_in_ranges(reader, *folders, "source", Problems(), "error")
    assert columns(Index.open(tmp_path / "joined")) == columns(whole)


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("tolerate", [0, 0.02, 0.5])
def test_bad_shards_count_as_in_one_process(tmp_path: Path, tolerate: float) -> None:
    reader = web_shards(tmp_path, scenes(17), per_shard=3)
    assert isinstance(reader, WebShards)
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
    whole, joined = both(reader, tmp_path)
    assert joined.names == ["cat", "dog", "cow"]
    assert columns(joined) == columns(whole)


@pytest.mark.usefixtures("small_ranges")
def test_names_that_contradict_one_another_are_refused(tmp_path: Path) -> None:
    reader = detection(tmp_path, [["cat"], ["cat"], ["dog"]])
    with pytest.raises(UserError, match="the label 0 is called 'cat' and 'dog'"):
        open_index(reader, tmp_path / "index")


def test_a_process_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "FILES", 2)
    reader = web_shards(tmp_path, scenes(9), per_shard=3)
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(UserError, match=r"indexing files 0 to 1 of .* only unfinished ranges"):
        open_index(reader, tmp_path / "index")
