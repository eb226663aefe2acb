import json
from pathlib import Path

from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.indexing import open_index


def test_a_phrase_is_looked_for_as_whole_words(tmp_path: Path) -> None:
    caption = "A woman walks beside a man ."
    line = {
        "filename": "a.png",
        "height": 20,
        "width": 20,
        "grounding": {"caption": caption, "regions": [{"bbox": [1, 1, 5, 5], "phrase": "man"}]},
    }
    (tmp_path / "lines.jsonl").write_text(json.dumps(line))
    index = open_index(OdvgJsonl(tmp_path / "lines.jsonl", tmp_path), tmp_path / "index")
    ((start, end),) = index.phrases(0)[0]
    assert (start, caption[start:end]) == (23, "man")
