"""The settings that come with the package, composed from Python as a command composes them."""

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

_INSTALLED = Path(__file__).parents[1] / "conf"

CONF_DIR = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[3] / "conf"
"""Folder of the settings: inside an installed package, at the top of a clone."""


def compose_shipped(name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """The settings of a file such as "train" or "model/glip_t", with command-line overrides."""
    # A process has one global Hydra, which inside a command is in use: it is put back afterwards.
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            config: DictConfig = compose(name, overrides=list(overrides))
            return config
    finally:
        GlobalHydra.instance().hydra = running
