import os
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from glip_pl.checkpoints import writing
from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.writing import write_tensors, write_weights
from glip_pl.errors import UserError
from glip_pl.files.writing import partial_path


def test_written_weights_are_read_with_their_settings(tmp_path: Path) -> None:
    path = tmp_path / "new" / "weights.safetensors"
    path.parent.mkdir()
    left = partial_path(path)  # by a process that was killed a minute ago
    left.touch()
    os.utime(left, (time.time() - writing.LEFT,) * 2)
    weights = {"a": torch.arange(6.0).view(2, 3).T, "b": torch.tensor(3)}  # `a` is not contiguous
    config = {"model": {"layers": 6}, "tokenizer": "bert", "eval_transform": {"max_side": 1333}}
    write_weights(weights, config, path)
    checkpoint = read_checkpoint(path)
    assert checkpoint.config == config
    assert not checkpoint.resumable
    assert {name: value.tolist() for name, value in checkpoint.weights.items()} == {
        "a": [[0, 3], [1, 4], [2, 5]],
        "b": 3,
    }
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.safetensors"
    write_tensors({"a": torch.ones(1)}, {"name": "old"}, path)

    def interrupted(tensors: object, partial: Path, metadata: object) -> None:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_tensors({"a": torch.zeros(1)}, {"name": "new"}, path)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"name": "old"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", [b"bytes", torch.ones(1), {("a",): 1}, float, {1}])
def test_settings_that_are_no_json_are_refused(value: object, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(UserError, match=r"cannot write .*: the settings of its model"):
        write_weights({"a": torch.ones(1)}, {"model": value}, path)
    assert not path.exists()
