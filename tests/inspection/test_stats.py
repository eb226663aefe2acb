"""Statistics of a small source, computed by hand."""

import json
from pathlib import Path
from typing import Any

from glip_pl.data.filtering import BoxFilter
from glip_pl.data.formats.coco import CocoJson
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.indexing import open_index
from glip_pl.inspection.stats import stats


def test_boxes_and_categories_are_counted(tmp_path: Path, indexes: Path) -> None:
    sizes = [(10, 22), (40, 50), (100, 130), (10, 10)]
    images = [
        {"id": number, "file_name": f"{number}.png", "width": 200, "height": 150}
        for number in range(3)
    ]
    annotations = [
        {
            "id": number,
            "image_id": 0 if number < 3 else 1,
            "category_id": 2 if number == 2 else 3,
            "bbox": [0, 0, *size],
            "iscrowd": 0,
        }
        for number, size in enumerate(sizes)
    ]
    names = ("cup", "cat", "dog")
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    statistics = stats(open_index(CocoJson(tmp_path / "coco.json", tmp_path), indexes))
    assert statistics == {
        "images": 3,
        "boxes": 4,
        "images without boxes": 1,
        "boxes per image": "mean 1.3, median 1, 90 % in 0 to 3",
        "box width": "mean 40.0, median 25, 90 % in 10 to 91",
        "box height": "mean 53.0, median 36, 90 % in 12 to 118",
        "small / medium / large boxes": "50 % / 25 % / 25 %",
        "image width": "mean 200.0, median 200, 90 % in 200 to 200",
        "image height": "mean 150.0, median 150, 90 % in 150 to 150",
        "categories": {"dog": 3, "cat": 1, "cup": 0},
    }


def test_captions_are_described_and_filtered_boxes_left_out(tmp_path: Path, indexes: Path) -> None:
    regions: list[dict[str, Any]] = [
        {"bbox": [[1, 1, 5, 5], [2, 2, 6, 6]], "score": [0.9, 0.8], "phrase": ["star"]},
        {"bbox": [[2, 2, 7, 7]], "score": [0.2], "phrase": ["ring"]},
    ]
    grounding = {"caption": "a star and a ring", "regions": regions}
    line = {"filename": "a.png", "height": 9, "width": 9, "grounding": grounding}
    (tmp_path / "lines.jsonl").write_text(json.dumps(line))
    index = open_index(OdvgJsonl(tmp_path / "lines.jsonl", tmp_path), indexes)
    everything = stats(index)
    assert (everything["captions"], everything["boxes"]) == (1, 3)
    assert everything["caption bytes"] == "mean 17.0, median 17, 90 % in 17 to 17"
    assert everything["phrases per caption"] == "mean 2.0, median 2, 90 % in 2 to 2"
    assert everything["boxes per phrase"] == 1.5
    assert "categories" not in everything
    confident = stats(index, BoxFilter(0.5))
    assert (confident["boxes"], confident["boxes per phrase"]) == (2, 1.0)
    none = stats(index, BoxFilter(0.95))
    assert none["box width"] == none["small / medium / large boxes"] == "none"
