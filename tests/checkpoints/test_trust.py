from pathlib import Path
from typing import Any

import pytest

from glip_pl.checkpoints.trust import (
    PARTS,
    check_complete,
    check_input_settings,
    trusted_recipe,
)
from glip_pl.errors import UserError

FILE = Path("evil.ckpt")
GLIP = "glip_pl.models.glip.GLIP"


@pytest.mark.parametrize(
    "recipe",
    [
        {"_target_": "os.system", "command": "true"},
        {"_target_": ["os.system"]},
        {"_target_": GLIP, "levels": [{"_target_": "builtins.exec"}]},
        {"_target_": GLIP, "levels": ({"_target_": "builtins.exec"},)},
        # A dotted name could reach any function through the imports of a module.
        {"_target_": "glip_pl.models.fusion.torch.os.system", "command": "true"},
        {"_target_": f"{GLIP}.load_state_dict"},
        # Texts that OmegaConf would resolve after the check.
        {"name": "${oc.create:{_target_: torch.load, f: evil.pt, weights_only: false}}"},
        {"_target_": "${oc.env:HOME}"},
        {"${oc.env:HOME}": 1},
        "${oc.env:HOME}",
        # Keys that are no texts.
        {"image_encoder": {1: 2}},
        {("_target_", "${oc.env:HOME}"): 1},
        # Options and names with which timm reads other files.
        {"image_encoder": {"checkpoint_path": "evil.pt"}},
        {"image_encoder": {"pretrained_cfg": {"file": "evil.pt"}}},
        {"image_encoder": {"name": "local-dir:/tmp/evil"}},
        {"image_encoder": {"name": " HF-Hub:somebody/evil"}},
    ],
)
def test_a_recipe_names_parts_of_models_only(recipe: Any) -> None:
    with pytest.raises(UserError, match=r"evil\.ckpt asks to run .* Do not trust this file"):
        trusted_recipe(recipe, FILE)


def test_the_offending_class_is_named() -> None:
    recipe = {"_target_": GLIP, "text_encoder": {"_target_": "os.system"}}
    with pytest.raises(UserError, match=r"asks to run os\.system, which is not a part"):
        trusted_recipe(recipe, FILE)


def test_renamed_classes_of_older_checkpoints_get_their_new_names() -> None:
    recipe = {
        "_target_": GLIP,
        "layers": 6,
        "fusion": {"_target_": "glip_pl.models.fusion.Shallow", "_partial_": True},
        "list": [{"_target_": "glip_pl.models.fusion.Shallow"}, "glip_pl.models.fusion.Shallow"],
        "image_encoder": {"_target_": None, "name": "swin", "stages": (1, 2)},
    }
    assert trusted_recipe(recipe, FILE) == {
        "_target_": GLIP,
        "layers": 6,
        "fusion": {"_target_": "glip_pl.models.fusion.NoFusion", "_partial_": True},
        # A text that is no class name stays.
        "list": [{"_target_": "glip_pl.models.fusion.NoFusion"}, "glip_pl.models.fusion.Shallow"],
        "image_encoder": {"_target_": None, "name": "swin", "stages": [1, 2]},
    }


def test_every_part_is_a_class_under_its_own_name() -> None:
    from hydra.utils import get_class

    for current in PARTS.values():
        part = get_class(current)
        assert f"{part.__module__}.{part.__qualname__}" == current
        assert PARTS[current] == current


@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer": {"_target_": "torch.load", "f": "evil.pt", "weights_only": False}},
        {"tokenizer": "${oc.env:HOME}"},
        {"tokenizer": None},
        {"eval_transform": {"short_sides": [{"_target_": "os.system"}]}},
        {"eval_transform": {"short_sides": "${oc.env:HOME}"}},
        {"eval_transform": {"_target_": "os.system", "command": "true"}},
        {"eval_transform": [800]},
    ],
)
def test_settings_of_the_input_are_a_name_and_numbers(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="Do not trust this file"):
        check_input_settings(settings, FILE)


def test_ordinary_settings_of_the_input_pass() -> None:
    check_input_settings({}, FILE)
    transform = {"short_sides": (480, 800), "max_side": 1333, "flip": 0.5}
    check_input_settings({"tokenizer": "bert", "eval_transform": transform}, FILE)


@pytest.mark.parametrize(
    "transform",
    [
        {"short_sides": []},
        {"short_sides": 800},
        {"short_sides": [60_000]},
        {"short_sides": [800, 0]},
        {"short_sides": [True]},
        {"short_sides": [800.5]},
        {"max_side": 60_000},
        {"max_side": -1},
        {"max_side": float("nan")},
        {"max_side": [1333]},
        {"flip": float("nan")},
        {"flip": 2},
        {"flip": []},
    ],
)
def test_nonsensical_sizes_are_refused(transform: dict[str, Any]) -> None:
    (key,) = transform
    with pytest.raises(UserError, match=rf"nonsensical eval_transform\.{key}="):
        check_input_settings({"tokenizer": "bert", "eval_transform": transform}, FILE)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tokenizer": "", "eval_transform": {"short_sides": [800], "max_side": 1333}},
        {"tokenizer": "bert", "eval_transform": {"short_sides": [800]}},
        {"tokenizer": "bert"},
    ],
)
def test_missing_settings_of_the_input_are_reported(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="does not say how to prepare the input"):
        check_complete(settings, FILE)


def endless() -> list[Any]:
    """A list that holds itself."""
    values: list[Any] = []
    values.append(values)
    return values


def doubled() -> list[Any]:
    """Sixteen lists of which each holds the one before it twice: 2 ** 16 values."""
    values: list[Any] = [1]
    for _ in range(16):
        values = [values, values]
    return values


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (endless(), "nested too deeply or too long"),
        (doubled(), "nested too deeply or too long"),
        ({"stages": [0] * 20_000}, "nested too deeply or too long"),
        ({"layers": 10**9}, "the absurd setting layers=1000000000"),
        ({"channels": 10**6}, "the absurd setting channels"),
        ({"prompts": 65}, "the absurd setting prompts"),
        ({"prompt_rows": 10**8}, "the absurd setting prompt_rows"),
        ({"text_encoder": {"layers": [-(10**9)]}}, "the absurd setting layers"),
        ({"image_encoder": {"img_size": 10**6}}, "the absurd setting img_size"),
        ({"drop_block": float("nan")}, "the absurd setting drop_block=nan"),
        ({"initial_gain": float("inf")}, "the absurd setting initial_gain=inf"),
        ({"name": "a" * 10**5}, "the absurd setting name"),
        ({"layers": 10**400}, "the absurd setting layers"),
        ({"layers": 10**5000}, "the absurd setting layers=a number of thousands of digits"),
        ({"name": b"swin"}, "the absurd setting name"),
    ],
)
def test_recipes_are_small(recipe: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        trusted_recipe(recipe, FILE)
