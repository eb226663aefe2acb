import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from glip_pl.checkpoints import official
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


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    for content, kind in (
        (b"", "empty"),
        (b"hello", "a text"),
        (b"<html>not found</html>", "a web page"),
        (b"\x89PNG\r\n", "a picture"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"x\.ckpt is no readable checkpoint: it is {kind}"):
            read_checkpoint(path)
        path.with_suffix(".safetensors").write_bytes(content)
        with pytest.raises(UserError, match=rf"x\.safetensors is no readable .*: it is {kind}"):
            read_checkpoint(path.with_suffix(".safetensors"))
    for folder in ("folder", "folder.safetensors"):
        (tmp_path / folder).mkdir()
        with pytest.raises(UserError, match="is no readable checkpoint: it is a folder"):
            read_checkpoint(tmp_path / folder)


def test_no_message_advises_to_run_the_code_of_a_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "evil.ckpt", state_dict=Evil())
    whole = path.read_bytes()
    contents = [whole, *(whole[:length] for length in range(1, len(whole), 97)), b"\x80\x02]q\x00."]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"evil\.ckpt") as raised:
            read_checkpoint(path)
        assert "weights_only" not in str(raised.value)


def test_an_archive_that_unpacks_to_much_more_is_refused(tmp_path: Path) -> None:
    sound, bomb = saved(tmp_path / "sound.ckpt", x=torch.zeros(10**6)), tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(sound) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        for entry in source.infolist():
            out.writestr(entry.filename, source.read(entry))
    with pytest.raises(UserError, match=r"bomb\.ckpt has .* bytes and would unpack to 4,"):
        read_checkpoint(bomb)


LORA = "model.x.lora_A.default.weight"


@pytest.mark.parametrize(
    "state",
    [
        {5: torch.zeros(1)},
        {"model.x": "text"},
        {"model.x": torch.zeros(1, device="meta")},
        {"model.x": torch.zeros(2, 2).to_sparse()},
        {"model.x": torch.zeros(1).expand(10**6, 10**6)},
        {"model.dynamic_convs.999999999.x": torch.zeros(1)},
    ],
)
@pytest.mark.parametrize("scale", [None, 1.0])
def test_weights_that_are_no_ordinary_tensors_are_refused(
    state: dict[Any, Any], scale: float | None, tmp_path: Path
) -> None:
    config: dict[str, Any] = {"model": {}, "lora_scale": scale}
    path = saved(tmp_path / "odd.ckpt", state_dict=state, **{CONFIG_KEY: config})
    with pytest.raises(UserError, match=r"odd\.ckpt is no readable checkpoint: the weight "):
        read_checkpoint(path)


@pytest.mark.parametrize("scale", ["abc", [], float("nan"), 10**400, 1.0])
def test_low_rank_updates_that_do_not_fit_are_refused(scale: Any, tmp_path: Path) -> None:
    config = {"model": {}, "lora_scale": scale}
    state = {LORA: torch.zeros(2, 2)}
    path = saved(tmp_path / "odd.ckpt", state_dict=state, **{CONFIG_KEY: config})
    with pytest.raises(UserError, match=r"odd\.ckpt is no readable checkpoint: .*(scale|low-rank)"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "extra",
    [
        {5: torch.zeros(1)},
        {"x": "text"},
        {"rpn.head.dyhead_tower.999999999.x": torch.zeros(1)},
    ],
)
def test_weights_of_released_files_are_checked(extra: dict[Any, Any], tmp_path: Path) -> None:
    state = {official.FIRST_LAYER: torch.zeros(96, 3, 4, 4), **extra}
    with pytest.raises(UserError, match=r"odd\.pth is no readable checkpoint: the weight "):
        read_checkpoint(saved(tmp_path / "odd.pth", model=state))


@pytest.mark.parametrize("settings", ["[" * 100_000, "[]", '"' + "a" * 2**20 + '"', "1" * 5000])
def test_settings_in_safetensors_are_bounded(settings: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"x": torch.ones(1)}, path, metadata={CONFIG_KEY: settings})
    with pytest.raises(UserError, match="its settings are broken"):
        read_checkpoint(path)
