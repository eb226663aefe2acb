"""Sources in every format keep their content as ODVG lines and as shards."""

from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.formats.label_map import LABEL_MAP
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.image_folder import ImageFolder
from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.data.records import Reader
from glip_pl.errors import UserError
from glip_pl.files.writing import PARTIAL
from glip_pl.inspection.export import write_odvg, write_shards
from glip_pl.inspection.named_set import NamedSet, phrase_texts
from tests.data.formats.test_round_trip import by_name
from tests.data.formats.writers import DETECTION, GROUNDING, Writer, scenes

SCENES = scenes(7)


def assert_same(new: Reader, new_index: Index, old: Reader, old_index: Index) -> None:
    """Compares pictures, sizes, captions, and each box with its category or phrase."""
    assert len(new_index) == len(old_index)
    for row in range(len(old_index)):
        pairs = []
        for reader, index in ((new, new_index), (old, old_index)):
            boxes = zip(index.boxes[row].tolist(), phrase_texts(index, row), strict=True)
            pixels = np.asarray(reader.open_images().load(index.images[row]))
            annotation = (index.sizes[row].tolist(), index.captions[row], sorted(boxes))
            pairs.append((annotation, pixels))
        assert pairs[0][0] == pairs[1][0]
        assert np.array_equal(pairs[0][1], pairs[1][1])


@pytest.mark.parametrize("write", DETECTION + GROUNDING, ids=by_name)
def test_odvg_lines_have_the_same_content(write: Writer, tmp_path: Path, indexes: Path) -> None:
    (tmp_path / "in").mkdir()
    reader = write(tmp_path / "in", SCENES)
    index = open_index(reader, indexes)
    out = tmp_path / "out"
    lines = write_odvg(NamedSet("train/it", reader), index, out, range(len(index)))
    images = reader.open_images()
    roots = images.roots if isinstance(images, ImageFolder) else (out / "images",)
    new = OdvgJsonl(lines, roots)  # which finds the label map
    assert_same(new, open_index(new, indexes), reader, index)


@pytest.mark.parametrize("write", DETECTION + GROUNDING, ids=by_name)
def test_shards_have_the_same_content(write: Writer, tmp_path: Path, indexes: Path) -> None:
    (tmp_path / "in").mkdir()
    reader = write(tmp_path / "in", SCENES)
    index = open_index(reader, indexes)
    out = tmp_path / "out"
    named_set = NamedSet("train/it", reader)
    shards = write_shards(named_set, index, out, range(len(index)), per_shard=3)
    assert [shard.name for shard in shards] == ["00000.tar", "00001.tar", "00002.tar"]
    new = WebShards(str(out / "*.tar"))  # which finds the label map
    assert (out / LABEL_MAP in new.files) == bool(index.names)
    assert_same(new, open_index(new, indexes), reader, index)
    assert not list(out.glob(f"*{PARTIAL}"))
    with pytest.raises(UserError, match="holds shards already"):
        write_shards(named_set, index, out, range(len(index)), per_shard=9)
