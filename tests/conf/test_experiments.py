"""Every experiment composes, and its model, data and trainer settings fit together."""

import re
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
from hydra.utils import get_class, get_method, instantiate
from omegaconf import OmegaConf

from glip_pl.files.shipped_settings import CONF_DIR
from glip_pl.running.settings import compose_settings, register_resolvers
from tests.conftest import Compose

EXPERIMENTS = sorted(path.stem for path in (CONF_DIR / "experiment").glob("*.yaml"))


def targets(node: Any) -> list[str]:
    """Every `_target_` below a node."""
    if isinstance(node, dict):
        own = [node["_target_"]] if "_target_" in node else []
        return own + [name for value in node.values() for name in targets(value)]
    if isinstance(node, list):
        return [name for value in node for name in targets(value)]
    return []


def command_of(experiment: str) -> str:
    """The command that an experiment is for, as its first lines say."""
    text = (CONF_DIR / "experiment" / f"{experiment}.yaml").read_text()
    said = re.search(rf"python -m glip_pl\.(\w+) experiment={experiment}\b", text)
    if said:
        return said[1]
    return "evaluate" if experiment.startswith("zeroshot") else "train"


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_experiments_compose_and_name_real_things(experiment: str, settings: Compose) -> None:
    command = command_of(experiment)
    words = [f"experiment={experiment}"]
    if command == "pseudo_label":
        config = compose_settings([*words, "paths.output=somewhere"], command)
    else:
        words += ["odinw=dice"] if "odinw" in experiment else []
        config = settings([*words, "++data.root=somewhere"], command)
    plain = OmegaConf.to_container(config, resolve=True)
    names = set(targets(plain))
    if command != "pseudo_label":
        assert {"glip_pl.models.glip.GLIP", "glip_pl.training.trainer.trainer"} <= names
    for name in names:
        assert callable(_find(name)), name


def _find(name: str) -> Any:
    try:
        return get_class(name)
    except ValueError:
        return get_method(name)


def test_the_flagship_lists_the_papers_three_sources(settings: Compose) -> None:
    config = settings(["experiment=pretrain_o365_goldg"])
    assert set(config.data.train) == {"objects365", "flickr30k", "mixed"}
    assert config.model.image_encoder.name.startswith("swin_tiny")


@pytest.mark.parametrize(
    ("shots", "copies", "patience", "stop"),
    [("1", 8, 3, 8), ("3", 4, 3, 8), ("5", 2, 3, 8), ("10", 1, 3, 8), ("full", 1, 2, 4)],
)
def test_few_shots_are_trained_by_the_official_recipe(
    shots: str, copies: int, patience: int, stop: int, settings: Compose
) -> None:
    words = ["experiment=few_shot", "data.root=mine", f"shots={shots}", "shots_seed=30"]
    config = settings([*words, "tuning=full"])
    assert config.data.train.custom.weight == copies
    assert (config.schedule.patience, config.callbacks.stop.patience) == (patience, stop)
    assert config.optimizer.weight_decay == 0.05
    assert config.callbacks.ema is None
    assert config.seed == 30
    assert settings([*words, "tuning=prompt"]).optimizer.weight_decay == 0.25
    assert settings(["experiment=few_shot", "data.root=mine"]).seed == 0


@pytest.mark.parametrize("name", ["cpu", "auto", "slurm"])
def test_trainers_build(name: str, settings: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings([f"trainer={name}"])
    if name == "slurm":  # needs GPUs to build; its numbers come from the job
        monkeypatch.setenv("SLURM_NNODES", "3")
        assert config.trainer.num_nodes == 3
        return
    assert isinstance(instantiate(config.trainer), pl.Trainer)


@pytest.mark.parametrize("trainer", ["gpu", "ddp", "fsdp"])
def test_accelerated_trainers_name_real_things(trainer: str, settings: Compose) -> None:
    register_resolvers()
    config = OmegaConf.to_container(settings([f"trainer={trainer}"]).trainer, resolve=True)
    assert all(callable(_find(name)) for name in targets(config))


def test_the_repositorys_settings_are_the_ones_in_use() -> None:
    assert Path(__file__).parents[2] / "conf" == CONF_DIR
