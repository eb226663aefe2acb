"""Which run a training continues, and which folder belongs to it."""

import copy
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.checkpoints.reading import load_entries, read_checkpoint
from glip_pl.checkpoints.recipes import without_weights
from glip_pl.errors import UserError
from glip_pl.files.claim import claim, exclusive
from glip_pl.files.hashing import key_of, sha256_of
from glip_pl.running.runs import find_checkpoint
from glip_pl.running.settings import plain
from glip_pl.training.callbacks.resumed_settings import (
    COMPARED,
    SETTINGS_KEY,
    ResumedSettings,
    compare_settings,
    flat,
    is_below,
)
from glip_pl.training.module import GroundingModule

log = logging.getLogger(__name__)

WITHOUT_EFFECT = (
    *("resume", "keep_going", "paths", "logger", "prompt_memory_gb"),
    *("data.workers", "trainer.log_every_n_steps", "trainer.enable_progress_bar"),
)
"""Settings that do not change what is learned, or that follow from the others."""


def find_resumed(config: DictConfig) -> Path | None:
    """The checkpoint from which `resume` continues; None if the training starts anew.

    Raises UserError if it holds weights only.
    """
    if config.resume is None:
        return None
    if config.resume == "auto":
        path = Path(config.paths.output, "checkpoints", "last.ckpt")
        return path if path.is_file() else None
    path = find_checkpoint(config.resume, Path(config.paths.runs, config.name))
    if not read_checkpoint(path).resumable:
        raise UserError(
            f"{path} holds weights only, without the state of a training; start a new training "
            f"from them: ckpt={path}"
        )
    return path


def claim_run(config: DictConfig, weights: Path | None) -> None:
    """Claim the run's folder for these settings (resume=auto).

    Raises UserError if it holds a run with other settings. A run that has left neither results
    nor a checkpoint gives up its claim.
    """
    folder = Path(config.paths.output)
    left = (folder / "results.json", folder / "checkpoints" / "last.ckpt")
    claim(
        folder / "claim.json",
        {"settings": settings_key(config, weights)},
        "Remove the folder, or choose another one (hydra.sweep.dir or hydra.run.dir)",
        in_use=lambda: any(path.is_file() for path in left),
    )


def hold_run_folder(config: DictConfig) -> AbstractContextManager[None]:
    """Hold the run's folder in the first process of the run, until the block ends.

    Raises UserError if another run writes to it, such as one that was started in the same second.
    """
    if getattr(rank_zero_only, "rank", 0) != 0:  # an attribute that its type does not declare
        return nullcontext()
    folder = Path(config.paths.output)
    return exclusive(folder, "Start the run again, or in another folder: hydra.run.dir=...")


def resumed_settings(config: DictConfig, module: GroundingModule) -> ResumedSettings:
    """The callback that compares the settings of a resumed run with those of its checkpoint."""
    return ResumedSettings(compared_settings(config), module.optimizer)


def check_resumed(config: DictConfig, checkpoint: Path) -> None:
    """Report what is resumed, and which settings have changed; the settings must be resolved.

    Raises UserError if one has changed that must stay.
    """
    entries = load_entries(checkpoint)
    log.info("resuming from %s, step %s", checkpoint, entries.get("global_step"))
    before = entries.get(SETTINGS_KEY)
    if isinstance(before, Mapping):  # absent in checkpoints of older versions
        compare_settings(before, compared_settings(config))


def compared_settings(config: DictConfig) -> dict[str, Any]:
    """The settings that a checkpoint keeps for the run that continues it, by dotted keys."""
    settings = plain(config)
    settings["model"] = without_weights(settings["model"])
    return {key: value for key, value in flat(settings) if is_below(key, COMPARED)}


def settings_key(config: DictConfig, weights: Path | None) -> str:
    """A key that is equal for trainings that learn the same, wherever their files are."""
    config = copy.deepcopy(config)
    config.paths.output = ""  # other settings follow it, such as trainer.default_root_dir
    settings: dict[str, Any] = plain(config)
    callbacks = settings["callbacks"]
    settings["callbacks"] = {name: callbacks.get(name) for name in ("ema", "stop")}
    for key in WITHOUT_EFFECT:
        group, _, name = key.rpartition(".")
        (settings[group] if group else settings).pop(name, None)
    settings["ckpt"] = None if weights is None else sha256_of(weights)
    descriptions = config.data.get("descriptions")
    settings["descriptions"] = descriptions and sha256_of(Path(descriptions).expanduser())
    return key_of(settings)
