import json
from pathlib import Path

from glip_pl.annotations.odvg import LABEL_MAP, detection_line, write_odvg
from tests.annotations.example import EMPTY, FOUND, NAMES


def test_a_line_per_picture_and_the_names_beside(tmp_path: Path) -> None:
    write_odvg([FOUND, EMPTY], NAMES, tmp_path / "lines.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    assert [line["filename"] for line in lines] == ["a/x.png", "b.png"]
    assert lines[0] == {"filename": "a/x.png", **detection_line(FOUND, NAMES)}
    first = lines[0]["detection"]["instances"][0]
    assert first == {
        **{"bbox": [10, 20, 30.25, 40], "label": 1, "category": "red <dog>", "score": 0.75}
    }
    assert lines[1]["detection"]["instances"] == []
    names = json.loads((tmp_path / LABEL_MAP).read_text())
    assert names == {"0": "cat", "1": "red <dog>"}
