"""The settings that come with the package, and how to compose them from Python."""

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

_INSTALLED = Path(__file__).parents[1] / "conf"

CONF_DIR = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[3] / "conf"
"""Hydra's folder of settings: in a wheel it lies inside the package, in a clone at the top."""


def compose_shipped(name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """The settings `name`, such as "train" or "model/glip_t", with overrides of a command line."""
    # Inside a command Hydra is running already, and there is one per process: set it aside.
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            config: DictConfig = compose(name, overrides=list(overrides))
            return config
    finally:
        GlobalHydra.instance().hydra = running
