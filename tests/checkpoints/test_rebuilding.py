from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from safetensors.torch import save_file
from torch import nn

from glip_pl.checkpoints.reading import CONFIG_KEY, MODEL_PREFIX, Checkpoint
from glip_pl.checkpoints.rebuilding import load_trained, load_weights
from glip_pl.errors import UserError
from glip_pl.models.fusion import NoFusion
from glip_pl.models.glip import GLIP
from glip_pl.running.settings import checkpoint_config
from tests.conftest import Compose


@pytest.fixture
def unfused(settings: Compose) -> tuple[GLIP, dict[str, Any]]:
    """A model without fusion and with a learned prompt, and what a checkpoint keeps of it."""
    torch.manual_seed(0)
    config = settings(["model/fusion=none", "model.prompts=1"])
    return instantiate(config.model), checkpoint_config(config)


def saved(path: Path, model: nn.Module, config: dict[str, Any]) -> Path:
    """A checkpoint as a training writes it."""
    state = {f"{MODEL_PREFIX}{name}": value for name, value in model.state_dict().items()}
    torch.save({CONFIG_KEY: config, "state_dict": state}, path)
    return path


def test_a_checkpoint_with_the_old_name_of_a_class_still_loads(
    unfused: tuple[GLIP, dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, config = unfused
    config["model"]["fusion"]["_target_"] = "glip_pl.models.fusion.Shallow"
    trained = load_trained(saved(tmp_path / "old.ckpt", model, config))
    assert not trained.model.training
    assert all(isinstance(fusion, NoFusion) for fusion in trained.model.fusions)
    weights = trained.model.state_dict()
    assert all(weights[name].equal(value) for name, value in model.state_dict().items())
    assert trained.config == config
    assert "contains a learned prompt" not in caplog.text


def test_a_learned_prompt_is_announced(
    unfused: tuple[GLIP, dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, config = unfused
    torch.nn.init.ones_(next(model.prompts.parameters()))
    load_trained(saved(tmp_path / "tuned.ckpt", model, config))
    assert "tuned.ckpt contains a learned prompt" in caplog.text


@pytest.mark.parametrize(
    "entries",
    [
        {CONFIG_KEY: {}, "state_dict": {}},
        {CONFIG_KEY: {"model": None}, "state_dict": {}},
        {CONFIG_KEY: {"model": {}}, "state_dict": {}},
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
def test_settings_that_build_no_model_are_reported(entries: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "odd.ckpt"
    torch.save(entries, path)
    with pytest.raises(UserError, match=r"odd\.ckpt does not say how to build its model"):
        load_trained(path)


def test_untrusted_recipes_are_refused_in_files_of_both_kinds(tmp_path: Path) -> None:
    recipe = '{"model": {"_target_": "os.system", "command": "true"}}'
    path = tmp_path / "evil.safetensors"
    save_file({"x": torch.ones(1)}, path, metadata={CONFIG_KEY: recipe})
    with pytest.raises(UserError, match=r"asks to run os\.system"):
        load_trained(path)
    path = tmp_path / "evil.ckpt"
    config = {"model": {"_target_": "os.system", "command": "true"}}
    torch.save({CONFIG_KEY: config, "state_dict": {}}, path)
    with pytest.raises(UserError, match=r"asks to run os\.system"):
        load_trained(path)


def test_all_differences_between_weights_and_model_are_named() -> None:
    checkpoint = Checkpoint({"weight": torch.ones(2, 3), "scale": torch.ones(1)}, {})
    with pytest.raises(UserError, match=r"the weights of x\.ckpt do not fit") as raised:
        load_weights(nn.Linear(4, 2), checkpoint, Path("x.ckpt"))
    message = str(raised.value)
    assert "missing: bias" in message
    assert "not in the model: scale" in message
    assert "of another shape: weight (2, 3) instead of (2, 4)" in message
    assert "set model=..., " in message


def test_the_remedy_names_the_released_model_and_its_learned_prompt() -> None:
    weights = {"prompts.0.weight": torch.ones(1, 1)}
    checkpoint = Checkpoint(weights, {}, released="glip_t")
    with pytest.raises(UserError, match=r"set model=glip_t model\.prompts=1, "):
        load_weights(nn.Linear(1, 1), checkpoint, Path("x.pth"))


class PromptedModel(nn.Module):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.prompts = nn.ModuleList([nn.Embedding(rows, 2)])
        nn.init.zeros_(self.prompts[0].get_parameter("weight"))


@pytest.mark.parametrize(
    ("rows", "expected"), [(3, [[1, 2], [3, 4], [0, 0]]), (1, [[1, 2]]), (2, [[1, 2], [3, 4]])]
)
def test_the_table_of_a_learned_prompt_is_cut_or_filled_up(
    rows: int, expected: list[list[float]]
) -> None:
    model = PromptedModel(rows)
    table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    load_weights(model, Checkpoint({"prompts.0.weight": table}, {}), Path("x.ckpt"))
    assert model.prompts[0].get_parameter("weight").tolist() == expected


def test_a_missing_learned_prompt_leaves_its_table_as_it_is() -> None:
    model = PromptedModel(2)
    load_weights(model, Checkpoint({}, {}), Path("x.ckpt"))
    assert not model.prompts[0].get_parameter("weight").any()


@pytest.mark.parametrize("shape", [(), (2,), (2, 2, 2), (3, 5)])
def test_the_table_of_a_learned_prompt_has_the_models_width(shape: tuple[int, ...]) -> None:
    checkpoint = Checkpoint({"prompts.0.weight": torch.zeros(shape)}, {})
    with pytest.raises(UserError, match=r"of another shape: prompts\.0\.weight"):
        load_weights(PromptedModel(2), checkpoint, Path("x.ckpt"))


def test_weights_with_nan_give_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    weights = {"weight": torch.tensor([[torch.nan]]), "bias": torch.zeros(1)}
    load_weights(nn.Linear(1, 1), Checkpoint(weights, {}), Path("diverged.ckpt"))
    assert "diverged.ckpt has weights that are NaN or infinite" in caplog.text
    assert "meaningless: weight. The training" in caplog.text


ABSURD: list[tuple[str, Any]] = [
    ("layers", 64),  # within the limits, but not the layers of the weights
    ("layers", 0),
    ("layers", "2"),
    ("channels", 4096),
    ("channels", -96),
    ("channels", 90),
    ("prompts", 64),
    ("_target_", None),
    ("_target_", "glip_pl.models.text_encoder.TextEncoder"),
    ("_partial_", True),
    ("_recursive_", False),
    ("image_encoder", None),
    ("image_encoder", ["swin"]),
    ("fusion", None),
    ("unknown", 1),
    ("image_encoder.stages", [9, 9, 9]),
    ("image_encoder.name", "no_such_network"),
    ("image_encoder.mean", []),
    ("image_encoder._target_", "glip_pl.models.text_encoder.TextEncoder"),
    ("text_encoder.source", "no/such/folder"),
    ("text_encoder.source", "pip://evil.part/model"),
    ("text_encoder.source", 3),
    ("text_encoder.layers", [0, 99]),
    ("text_encoder.layers", [[0]]),
]


@pytest.mark.parametrize(("setting", "value"), ABSURD)
def test_no_recipe_ends_in_a_traceback(
    setting: str, value: Any, settings: Compose, tmp_path: Path
) -> None:
    config = checkpoint_config(settings([]))
    *parents, key = setting.split(".")
    node = config["model"]
    for parent in parents:
        node = node[parent]
    node[key] = value
    with pytest.raises(UserError, match=r"odd\.ckpt"):
        load_trained(saved(tmp_path / "odd.ckpt", nn.Module(), config))


def test_heads_that_divide_nothing_are_named(settings: Compose, tmp_path: Path) -> None:
    recipe = checkpoint_config(settings([]))
    recipe["model"]["fusion"]["heads"] = 5
    with pytest.raises(UserError, match=r"odd\.ckpt .* model\.fusion\.heads=5: the heads must"):
        load_trained(saved(tmp_path / "odd.ckpt", nn.Module(), recipe))


def test_a_checkpoint_without_settings_of_its_input_is_named(
    unfused: tuple[GLIP, dict[str, Any]], tmp_path: Path
) -> None:
    model, config = unfused
    del config["eval_transform"]["short_sides"]
    with pytest.raises(UserError, match="does not say how to prepare the input"):
        load_trained(saved(tmp_path / "odd.ckpt", model, config))


def test_a_model_of_absurd_size_takes_no_memory(
    settings: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings within all limits may still describe a model of many gigabytes."""
    config = checkpoint_config(settings([]))
    config["model"] |= {"layers": 64, "channels": 4096}
    monkeypatch.setattr("glip_pl.checkpoints.rebuilding.rebuild", pytest.fail)
    with pytest.raises(UserError, match="do not fit this model"):
        load_trained(saved(tmp_path / "large.ckpt", nn.Module(), config))
