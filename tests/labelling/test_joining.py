"""Shards of ODVG lines become one annotation file, in two formats, and one report."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.indexing import open_index
from glip_pl.files.writing import partial_path
from tests.labelling.small_jobs import captions, labelled


def test_an_unreadable_picture_is_counted_and_named(
    world: Path, tmp_path: Path, indexes: Path, finding: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    entries: dict[str, Any] = {"images": [], "annotations": []}
    for number, (name, caption) in enumerate(captions(world)[:5]):
        (pictures / name).write_bytes((world / "images/captions" / name).read_bytes())
        entries["images"].append({"id": number, "file_name": name, "height": 96, "width": 96})
        entries["annotations"].append({"id": 10 + number, "image_id": number, "caption": caption})
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(entries))
    broken = pictures / captions(world)[2][0]
    broken.write_bytes(b"no picture")
    source = ["source=coco_captions", f"source.annotations={path}", f"source.images={pictures}"]
    (tmp_path / "out").mkdir()
    left = partial_path(tmp_path / "out" / "annotations.jsonl")
    left.write_bytes(b"half of the lines, left by a killed process")
    output = labelled(tmp_path / "out", finding, *source, "shard_size=2")
    assert not left.exists()
    report = json.loads((output / "report.json").read_text())
    assert report["captions"] == 5
    assert report["pictures"] == 4
    assert len(report["bad"]) == 1 and broken.name in report["bad"][0]
    odvg = open_index(OdvgJsonl(output / "annotations.jsonl", pictures), indexes)
    assert [odvg.images[row] for row in range(len(odvg))] == [
        name for name, _ in captions(world)[:5] if name != broken.name
    ]
    mdetr = open_index(MdetrJson(output / "annotations.json", pictures), indexes)
    assert [mdetr.images[row] for row in range(4)] == [odvg.images[row] for row in range(4)]
    assert [mdetr.captions[row] for row in range(4)] == [odvg.captions[row] for row in range(4)]
    assert [mdetr.phrases(row) for row in range(4)] == [odvg.phrases(row) for row in range(4)]
    np.testing.assert_allclose(mdetr.boxes.values, odvg.boxes.values, atol=2e-4)
    np.testing.assert_array_equal(mdetr.targets.values, odvg.targets.values)
    np.testing.assert_array_equal(mdetr.scores.values, odvg.scores.values)
    page = (output / "labels.html").read_text()
    assert page.count("<figure>") == 4
