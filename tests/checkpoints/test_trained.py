from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.checkpoints.reading import CONFIG_KEY, read_checkpoint
from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.errors import UserError


def write(path: Path, **content: Any) -> Path:
    torch.save(content, path)
    return path


class Evil:
    """Unpickling this would run code."""

    def __reduce__(self) -> Any:
        return (print, ("code from a file ran",))


def test_a_file_never_runs_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "evil.ckpt", state_dict=Evil())
    with pytest.raises(UserError, match=r"evil\.ckpt is no readable checkpoint"):
        read_checkpoint(path)
    assert "code from a file ran" not in capsys.readouterr().out


def test_a_file_names_classes_of_models_only(tmp_path: Path) -> None:
    for model in (
        {"_target_": "os.system", "command": "true"},
        {"_target_": "glip_pl.models.glip.GLIP", "parts": [{"_target_": "builtins.exec"}]},
        # A dotted name may walk through a module's imports.
        {"_target_": "glip_pl.models.fusion.torch.os.system", "command": "true"},
        # Text that would be resolved after the check, and options that read other files.
        {"name": "${oc.create:{_target_: torch.load, f: evil.pt, weights_only: false}}"},
        {"${oc.env:HOME}": 1},
        {"image_encoder": {"checkpoint_path": "evil.pt"}},
        {"image_encoder": {"name": "local-dir:/tmp/evil"}},
        {"image_encoder": {"name": " HF-Hub:somebody/evil"}},
    ):
        path = write(tmp_path / "evil.ckpt", state_dict={}, **{CONFIG_KEY: {"model": model}})
        with pytest.raises(UserError, match="asks to run"):
            load_trained(path)


@pytest.mark.parametrize(
    "bad",
    [
        {"tokenizer": {"_target_": "torch.load", "f": "evil.pt", "weights_only": False}},
        {"tokenizer": "${oc.env:HOME}"},
        {"eval_transform": {"short_sides": [{"_target_": "os.system"}]}},
        {"eval_transform": {"_target_": "os.system", "command": "true"}},
    ],
)
def test_what_feeds_a_model_is_a_name_and_numbers(bad: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path / "evil.ckpt", state_dict={}, **{CONFIG_KEY: {"model": {}, **bad}})
    with pytest.raises(UserError, match="Do not trust this file"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [
        {CONFIG_KEY: {"model": {}}},
        {CONFIG_KEY: {}, "state_dict": {}},
        {CONFIG_KEY: {"model": {}}, "state_dict": {}},
        {CONFIG_KEY: 3, "state_dict": {}},
        {
            CONFIG_KEY: {
                "model": {
                    "_target_": "glip_pl.models.glip.GLIP",
                    "image_encoder": {},
                    "text_encoder": {},
                }
            },
            "state_dict": {},
        },
    ],
)
def test_malformed_files_are_told_without_a_traceback(
    content: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"odd\.ckpt"):
        load_trained(write(tmp_path / "odd.ckpt", **content))


def test_files_of_others_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no GLIP"):
        read_checkpoint(write(tmp_path / "other.pth", model={}))
    with pytest.raises(UserError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")
