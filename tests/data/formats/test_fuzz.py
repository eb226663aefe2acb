"""Damaged and hostile files lead to a UserError or to items left out, and do so quickly."""

import json
import os
import random
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from glip_pl.data.dataset_factory import training_set
from glip_pl.data.formats.tsv import TsvYaml
from glip_pl.data.formats.voc import VocXml
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.images import FORMATS, load_image
from glip_pl.data.indexing import open_index
from glip_pl.data.records import Reader
from glip_pl.data.transforms import ResizeFlip
from glip_pl.data.truth import PhraseTruth, Truth, truth_of
from glip_pl.errors import UserError
from glip_pl.metrics.detections_table import DetectionsTable
from glip_pl.metrics.flickr30k import flickr_figures
from glip_pl.metrics.lvis import lvis_figures
from glip_pl.prompts.negatives import CategorySampler
from glip_pl.prompts.tokens import Tokenizer
from tests.data.formats.test_round_trip import by_name
from tests.data.formats.writers import (
    DETECTION,
    GROUNDING,
    Writer,
    add,
    coco,
    flickr,
    lvis,
    mdetr,
    odvg_detection,
    odvg_grounding,
    referring,
    scenes,
    tsv_detection,
    voc,
    web_shards,
)

SCENES = scenes(5)
QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ODD: list[Any] = [None, "x", -1, 0, 1.5, 1e308, True, 10**30, [], {}, [[1]], {"a": {"b": [1]}}]


def use(reader: Reader, folder: Path, tolerate: float) -> None:
    """Read the index, the pictures and the ground truth of a source, and measure no detections."""
    index = open_index(reader, folder, "clip", tolerate)
    images = reader.open_images()
    for row in range(len(index)):
        assert index.boxes[row].shape == (len(index.targets[row]), 4)
        assert np.isfinite(index.boxes[row]).all()
        for phrase in index.phrases(row):
            for start, end in phrase:
                assert index.captions[row][start:end]
        images.load(index.images[row])
    truth = truth_of(reader, index)
    if isinstance(truth, Truth):
        lvis_figures(truth, DetectionsTable(truth.images, truth.labels, truth.areas, truth.boxes))
    elif isinstance(truth, PhraseTruth):
        flickr_figures(truth, no_detections())


def no_detections() -> DetectionsTable:
    none = np.zeros(0, dtype=np.int64)
    return DetectionsTable(none, none, np.zeros(0), np.zeros((0, 4)))


def uses_or_complains(reader: Any, folder: Path) -> bool:
    """Whether the source can be used, or a UserError says why not; other errors are raised."""
    for tolerate in (0.0, 0.5):
        try:
            use(replace(reader), folder, tolerate)  # a copy, without its cached properties
        except UserError as error:
            if not str(error):
                return False
    return True


def cut(content: bytes, random: random.Random) -> bytes:
    return content[: random.randrange(len(content))]


def flipped(content: bytes, random: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.randrange(1, 20)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def inserted(content: bytes, random: random.Random) -> bytes:
    place = random.randrange(len(content))
    return content[:place] + random.randbytes(random.randrange(1, 50)) + content[place:]


def removed(content: bytes, random: random.Random) -> bytes:
    place = random.randrange(len(content))
    return content[:place] + content[place + random.randrange(1, 200) :]


MUTATIONS = [cut, flipped, inserted, removed]


@pytest.mark.parametrize("write", [*DETECTION, *GROUNDING, flickr, referring], ids=by_name)
@QUICK
@given(random=st.randoms(use_true_random=False))
def test_damaged_bytes(
    write: Writer, tmp_path_factory: pytest.TempPathFactory, random: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    reader = write(folder, SCENES)
    file = random.choice([file for file in reader.files if file.stat().st_size])
    file.write_bytes(random.choice(MUTATIONS)(file.read_bytes(), random))
    assert uses_or_complains(reader, folder / "index")


def odd_somewhere(content: Any, random: random.Random) -> Any:
    """The content with a random value replaced by an odd value."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(content)
    node, key = random.choice(places)
    node[key] = random.choice(ODD)
    return content


JSON_FORMATS = [coco, lvis, mdetr, flickr, referring, odvg_detection, odvg_grounding]


@pytest.mark.parametrize("write", JSON_FORMATS, ids=by_name)
@QUICK
@given(random=st.randoms(use_true_random=False))
def test_odd_values_in_json(
    write: Writer, tmp_path_factory: pytest.TempPathFactory, random: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    reader = write(folder, SCENES)
    file = reader.files[0]
    lines = file.read_text().splitlines()
    chosen = random.randrange(len(lines))
    lines[chosen] = json.dumps(odd_somewhere(json.loads(lines[chosen]), random))
    file.write_text("\n".join(lines))
    assert uses_or_complains(reader, folder / "index")


NAMES = ["../outside.png", "/etc/hostname", "a/../../outside.png", "nul\0.png"]


def renamed(writer: Writer, old: str, root: Path, new: str) -> Reader:
    """A source whose first picture has the name `new` in place of `old`."""
    reader = writer(root, SCENES)
    for file in reader.files:
        if file.suffix in {".json", ".jsonl"} and old in file.read_text():
            file.write_text(file.read_text().replace(f'"{old}"', json.dumps(new)))
    return reader


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("write", [coco, mdetr, odvg_grounding], ids=by_name)
def test_file_names_never_lead_out_of_the_folder(
    write: Writer, name: str, tmp_path: Path, indexes: Path
) -> None:
    (tmp_path / "root").mkdir()
    SCENES[0].picture().save(tmp_path / "outside.png")
    reader = renamed(write, SCENES[0].file_name, tmp_path / "root", name)
    index = open_index(reader, indexes)
    with pytest.raises(UserError, match="leads out of"):
        reader.open_images().load(index.images[0])


def test_names_in_lists_and_yaml_stay_inside_too(tmp_path: Path, indexes: Path) -> None:
    for folder in ("voc", "tsv"):
        (tmp_path / folder).mkdir()
    voc(tmp_path / "voc", SCENES)
    (tmp_path / "voc/ImageSets/Main/train.txt").write_text("../../../x\n")
    with pytest.raises(UserError, match="leads out of"):
        open_index(VocXml(tmp_path / "voc", "train"), indexes)
    tsv_detection(tmp_path / "tsv", SCENES)
    yaml = tmp_path / "tsv/train.yaml"
    yaml.write_text(yaml.read_text().replace("images.tsv", "../images.tsv"))
    with pytest.raises(UserError, match="leads out of"):
        open_index(TsvYaml(yaml), indexes)


def test_names_in_shards_are_never_paths(tmp_path: Path, indexes: Path) -> None:
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "in/0.tar", "w") as tar:
        for name in ("../../evil", "/etc/evil"):
            add(tar, f"{name}.png", SCENES[0].encoded())
            add(tar, f"{name}.txt", b"a caption")
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    before = sorted(tmp_path.rglob("*"))
    reader = WebShards(str(tmp_path / "in/*.tar"))
    index = open_index(reader, indexes)
    assert len(index) == 2
    assert reader.open_images().load(index.images[1]).size == SCENES[0].picture().size
    assert sorted(tmp_path.rglob("*")) == before


def test_xml_that_could_expand_endlessly_is_refused(tmp_path: Path, indexes: Path) -> None:
    reader = voc(tmp_path, SCENES)
    bomb = '<!DOCTYPE a [<!ENTITY b "cccc">]><annotation>&b;</annotation>'
    reader.files[1].write_text(bomb)
    with pytest.raises(UserError, match="declares a document type"):
        open_index(reader, indexes)


def bomb(path: Path) -> None:
    """A small PNG of 400 million pixels."""
    Image.new("1", (20_000, 20_000)).save(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bomb, "too large to be safe"),
        (
            lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
            "is a PostScript file",
        ),
        (lambda path: path.write_bytes(b""), "is empty"),
        (os.mkfifo, "no such image"),
        (os.mkdir, "no such image"),
    ],
    ids=["bomb", "postscript", "empty", "pipe", "folder"],
)
@pytest.mark.timeout(30)
def test_files_that_are_no_pictures(
    make: Callable[[Path], Any],
    message: str,
    tmp_path: Path,
    indexes: Path,
    tokenizer: Tokenizer,
) -> None:
    wanted = [scene for scene in SCENES if scene.boxes]
    reader = coco(tmp_path, wanted)
    picture = tmp_path / "pictures" / wanted[0].file_name
    picture.unlink()
    make(picture)
    with pytest.raises(UserError, match=message):
        load_image(picture)
    dataset = training_set(
        reader, indexes, ResizeFlip([40], 90), tokenizer, CategorySampler(), tolerate=0.9
    )
    assert dataset[0].image_id == dataset[1].image_id
    assert "EPS" not in FORMATS


def test_a_caption_as_long_as_a_book_is_no_caption(tmp_path: Path, indexes: Path) -> None:
    reader = mdetr(tmp_path, SCENES)
    content = json.loads(reader.files[0].read_text())
    content["images"][0]["caption"] = "word " * 200_000
    reader.files[0].write_text(json.dumps(content))
    with pytest.raises(UserError, match="a caption of 1000000 characters, more than 10000"):
        open_index(reader, indexes)
    assert len(open_index(reader, indexes, tolerate=0.5)) == len(SCENES) - 1


def test_shards_without_pictures_are_counted(tmp_path: Path, indexes: Path) -> None:
    web_shards(tmp_path, SCENES)
    with tarfile.open(tmp_path / "00000.tar", "w") as tar:
        add(tar, "a.txt", b"a caption")
        add(tar, "a.json", b"{}")
    reader = WebShards(str(tmp_path / "*.tar"))
    with pytest.raises(UserError, match="it has no picture"):
        open_index(reader, indexes)
    assert len(open_index(reader, indexes, tolerate=0.5)) == 2


def test_a_root_that_is_a_link_works(tmp_path: Path) -> None:
    """Only names are checked: the owner of a folder may use links inside it."""
    (tmp_path / "disk").mkdir()
    SCENES[0].picture().save(tmp_path / "disk/a.png")
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    assert ImageFolder.at(tmp_path / "link").load("a.png").size == SCENES[0].picture().size
