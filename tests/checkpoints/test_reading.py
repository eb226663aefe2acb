from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from glip_pl.checkpoints.reading import CONFIG_KEY, read_checkpoint
from glip_pl.errors import UserError


class Evil:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> Any:
        return (print, ("code from a file ran",))


def saved(path: Path, **entries: Any) -> Path:
    torch.save(entries, path)
    return path


def test_a_file_never_runs_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path / "evil.ckpt", state_dict=Evil())
    with pytest.raises(UserError, match=r"evil\.ckpt is no readable checkpoint"):
        read_checkpoint(path)
    assert "code from a file ran" not in capsys.readouterr().out


def test_a_training_checkpoint_gives_the_weights_of_its_model(tmp_path: Path) -> None:
    state = {"model.a.weight": torch.ones(2), "loss.b": torch.zeros(1)}
    config = {"model": {}, "tokenizer": "bert", "eval_transform": {"max_side": 9}}
    checkpoint = read_checkpoint(saved(tmp_path / "x.ckpt", glip_pl=config, state_dict=state))
    assert list(checkpoint.weights) == ["a.weight"]
    assert checkpoint.config == config
    assert checkpoint.resumable
    assert checkpoint.released is None


def test_low_rank_updates_are_added_to_the_weights(tmp_path: Path) -> None:
    state = {
        "model.a.base_layer.weight": torch.zeros(2, 2),
        "model.a.lora_A.default.weight": torch.tensor([[1.0, 2.0]]),
        "model.a.lora_B.default.weight": torch.tensor([[1.0], [0.0]]),
    }
    config = {"model": {}, "lora_scale": 2}
    checkpoint = read_checkpoint(saved(tmp_path / "x.ckpt", glip_pl=config, state_dict=state))
    assert {name: value.tolist() for name, value in checkpoint.weights.items()} == {
        "a.weight": [[2.0, 4.0], [0.0, 0.0]]
    }


@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer": {"_target_": "torch.load", "f": "evil.pt", "weights_only": False}},
        {"eval_transform": {"_target_": "os.system", "command": "true"}},
    ],
)
def test_settings_of_the_input_are_checked(settings: dict[str, Any], tmp_path: Path) -> None:
    config = {"model": {}, **settings}
    with pytest.raises(UserError, match="Do not trust this file"):
        read_checkpoint(saved(tmp_path / "evil.ckpt", state_dict={}, **{CONFIG_KEY: config}))


@pytest.mark.parametrize(
    "entries", [{CONFIG_KEY: {"model": {}}}, {CONFIG_KEY: 3, "state_dict": {}}]
)
def test_a_checkpoint_without_weights_or_settings_is_named(
    entries: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"odd\.ckpt .*it has no weights or no settings"):
        read_checkpoint(saved(tmp_path / "odd.ckpt", **entries))


def test_other_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no GLIP"):
        read_checkpoint(saved(tmp_path / "other.pth", model={}))
    with pytest.raises(UserError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")


def test_other_and_broken_safetensors_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.ones(1)}, path)
    with pytest.raises(UserError, match=r"was not written by glip_pl\.convert"):
        read_checkpoint(path)
    save_file({"x": torch.ones(1)}, path, metadata={CONFIG_KEY: "{"})
    with pytest.raises(UserError, match="its settings are broken"):
        read_checkpoint(path)
    save_file({"x": torch.ones(1)}, path, metadata={CONFIG_KEY: '{"tokenizer": "${oc.env:HOME}"}'})
    with pytest.raises(UserError, match="Do not trust this file"):
        read_checkpoint(path)
