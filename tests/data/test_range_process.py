"""The process that indexes a range."""

import io
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from glip_pl.data.index import Index
from glip_pl.data.range_process import main
from tests.data.formats.writers import scenes, web_shards


def test_a_range_is_read_from_the_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = web_shards(tmp_path, scenes(9), per_shard=3)
    call = pickle.dumps((reader, (1, 3), tmp_path / "range", "source", "error"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(call)))
    main()
    index = Index.open(tmp_path / "range")
    assert index.image_ids.tolist() == list(range(6))
    assert index.images[0].startswith("1:")
