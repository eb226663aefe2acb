import tarfile
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.indexing import open_index
from glip_pl.data.shapes import web_pairs
from glip_pl.data.shapes.scenes import NounPhrase
from glip_pl.data.shapes.vocabulary import SHAPES
from glip_pl.data.shapes.web_pairs import AFTER, BEFORE, web_caption, write_web

TEXT = "a red star left of an orange ring. two moons."
PHRASES = [NounPhrase((0, 10), [0]), NounPhrase((19, 33), [1]), NounPhrase((35, 44), [2, 3])]


def test_shards_hold_captions_without_boxes(tmp_path: Path) -> None:
    write_web(tmp_path / "web", 40, 96, (4, 8))
    reader = WebShards(f"{tmp_path}/web/*.tar")
    index = open_index(reader, tmp_path / "index")
    assert len(index) == 40
    assert index.captioned.all()
    assert not len(index.boxes.values)
    texts = [index.captions[row] for row in range(40)]
    assert any(text.startswith(BEFORE) for text in texts)
    assert any(text.endswith(tuple(words.strip() for words in AFTER)) for text in texts)
    for text in texts:
        assert any(shape in text.lower() for shape in SHAPES)
    assert reader.open_images().load(index.images[3]).size == (96, 96)


def test_a_shard_has_a_limited_number_of_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_pairs, "PER_SHARD", 2)
    write_web(tmp_path / "web", 3, 32, (0,))
    names = []
    for shard in ("00000", "00001"):
        with tarfile.open(tmp_path / "web" / f"{shard}.tar") as tar:
            names.append(tar.getnames())
    assert [len(files) for files in names] == [6, 3]
    assert names[1] == ["000000002.jpg", "000000002.txt", "000000002.json"]


def test_captions_are_sentences_or_titles_with_other_words() -> None:
    texts = [web_caption(TEXT, PHRASES, np.random.default_rng(seed)) for seed in range(200)]
    assert TEXT in texts
    assert "Red star, orange ring, two moons" in texts
    assert any(
        text.startswith("a red star left of an orange ring. two moons and a ") for text in texts
    )
    assert any(text.startswith(BEFORE) for text in texts)
    assert any(text.endswith(AFTER) for text in texts)
