import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.formats.mdetr_writer import write_mdetr
from glip_pl.data.problems import Problems

LINES = [
    {
        "filename": f"{number}.png",
        "height": 40,
        "width": 60,
        "grounding": {
            "caption": "a cat and dogs",
            "regions": [
                {"bbox": [[1, 2, 4, 6]], "tokens_positive": [[0, 5]], "score": [0.5]},
                {
                    "bbox": [[7, 7, 9, 9], [0, 0, 60, 40]],
                    "tokens_positive": [[10, 14]],
                    "score": [0.25, 0.75],
                },
            ],
        },
    }
    for number in range(2)
]


def lines() -> Iterator[dict[str, Any]]:
    return iter(LINES)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "mdetr.json"
    write_mdetr(path, lines)
    records = list(MdetrJson(path, tmp_path).read(Problems()).records)
    assert [(record.image, record.size) for record in records] == [
        ("0.png", (40, 60)), ("1.png", (40, 60))
    ]  # fmt: skip
    for record in records:
        assert record.caption == "a cat and dogs"
        assert record.phrases == (((0, 5),), ((10, 14),))
        assert record.boxes.tolist() == [[1, 2, 4, 6], [7, 7, 9, 9], [0, 0, 60, 40]]
        assert record.scores is not None and record.scores.tolist() == [0.5, 0.25, 0.75]


def test_entries_have_the_fields_of_coco(tmp_path: Path) -> None:
    path = tmp_path / "mdetr.json"
    write_mdetr(path, lines)
    content = json.loads(path.read_text())
    assert [entry["id"] for entry in content["annotations"]] == list(range(6))
    assert content["annotations"][0]["bbox"] == [1, 2, 3, 4]
    assert content["annotations"][0]["area"] == 12
    write_mdetr(path, lambda: iter([]))
    assert json.loads(path.read_text())["images"] == []
