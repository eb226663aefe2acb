"""Which captions a shard holds, and the files of shards."""

import json
import tarfile
from pathlib import Path

import torch

from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.indexing import open_index
from glip_pl.labelling.shards import (
    grounding_line,
    manifest_path,
    shard_rows,
    write_lines,
    write_tar,
)
from glip_pl.types import Detections, Prompt
from tests.labelling.small_jobs import web

PROMPT = Prompt("a star and a ring", (((2, 6),), ((13, 17),)))
LINE = grounding_line(
    PROMPT,
    Detections(
        torch.tensor([[1.0, 2, 3, 4], [0, 0, 9, 9]]),
        torch.tensor([0.9, 0.25]),
        torch.tensor([1, 0]),
    ),
    (20, 30),
)


def test_a_line_has_the_box_of_each_phrase_with_the_second_corner_outside() -> None:
    assert (LINE["height"], LINE["width"]) == (20, 30)
    assert LINE["grounding"]["caption"] == PROMPT.caption
    ring, star = LINE["grounding"]["regions"]
    assert (ring["phrase"], ring["bbox"], ring["score"]) == (["ring"], [[1, 2, 4, 5]], [0.9])
    assert (star["phrase"], star["bbox"], star["score"]) == (["star"], [[0, 0, 10, 10]], [0.25])


def test_records_of_folders_are_cut_and_shards_stay_as_they_are(
    world: Path, tmp_path: Path, indexes: Path
) -> None:
    mdetr = MdetrJson(world / "annotations/captions.json", world / "images/captions")
    index = open_index(mdetr, indexes)
    cut = shard_rows(index, mdetr.open_images(), size=7)
    assert cut == [range(0, 7), range(7, 14), range(14, 16)]
    shards = WebShards(f"{web(world, tmp_path / 'web', per_shard=6)}/*.tar")
    index = open_index(shards, indexes)
    kept = shard_rows(index, shards.open_images(), size=7)
    assert kept == [range(0, 6), range(6, 12), range(12, 16)]


def test_shards_are_written_with_and_without_pictures(world: Path, tmp_path: Path) -> None:
    images = ImageFolder.at(world / "images/captions")
    name = next(iter((world / "images/captions").iterdir())).name
    write_lines(tmp_path / "lines", iter([(name, LINE)]))
    assert json.loads((tmp_path / "lines").read_text()) == {"filename": name, **LINE}
    write_tar(tmp_path / "tar", images, iter([(name, LINE)]))
    with tarfile.open(tmp_path / "tar") as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]  # all members are files
    assert list(files) == ["000000.png", "000000.json", "000000.txt"]
    assert files["000000.png"] == images.read(name)
    assert json.loads(files["000000.json"])["grounding"] == LINE["grounding"]
    assert files["000000.txt"].decode() == PROMPT.caption


def test_the_manifest_lies_beside_its_shard() -> None:
    assert manifest_path(Path("out/00003.tar")) == Path("out/00003.done.json")
    assert manifest_path(Path("out/00003.jsonl")) == Path("out/00003.done.json")
