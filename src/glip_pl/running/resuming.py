"""Which run a training continues, and which folder belongs to it."""

import copy
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from pytorch_lightning.utilities import rank_zero_only

from glip_pl.checkpoints.reading import load_entries, read_checkpoint
from glip_pl.checkpoints.recipes import without_weights
from glip_pl.checkpoints.training_state import check_training_state
from glip_pl.errors import UserError
from glip_pl.files.claim import claim, exclusive
from glip_pl.files.hashing import key_of, sha256_of
from glip_pl.files.leftovers import leftovers_in, remove_leftovers_in
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
from glip_pl.training.checkpoint_io import BEFORE_LAST, LAST
from glip_pl.training.module import GroundingModule

log = logging.getLogger(__name__)

WITHOUT_EFFECT = (
    *("resume", "keep_going", "checks", "paths", "logger", "prompt_memory_gb"),
    *("data.workers", "trainer.log_every_n_steps", "trainer.enable_progress_bar"),
    "trainer.default_root_dir",
)
"""Settings that do not change what is learned, or that follow from the others."""

ALLOCATION = (
    *("trainer.devices", "trainer.num_nodes", "trainer.accumulate_grad_batches"),
    "data.batch_size",
)
"""Settings that do not change it where `data.total_batch` says how many images a step has."""


def find_resumed(config: DictConfig) -> Path | None:
    """The checkpoint from which `resume` continues; None if the training starts anew.

    Raises UserError if it holds weights only.
    """
    if config.resume is None:
        return None
    if config.resume == "auto":
        path = Path(config.paths.output, "checkpoints", LAST)
        return readable(path) if path.is_file() else None
    path = find_checkpoint(config.resume, Path(config.paths.runs, config.name), "resume")
    path = readable(path)
    if not read_checkpoint(path).resumable:
        raise UserError(
            f"{path} holds weights only, without the state of a training; start a new training "
            f"from them: ckpt={path}"
        )
    return path


def readable(path: Path) -> Path:
    """A checkpoint, or the one before it if it is the last one of its run and damaged."""
    before = path.with_name(BEFORE_LAST)
    if path.name != LAST or not before.is_file():
        return path
    try:
        load_entries(path)
    except UserError as error:
        log.warning("%s; continuing from the save before it, %s", error, before)
        return before
    return path


def claim_run(config: DictConfig, weights: Path | None) -> None:
    """Claim the run's folder for these settings (resume=auto).

    Raises UserError if it holds a run with other settings. A run that has left neither results
    nor a checkpoint gives up its claim.
    """
    folder = Path(config.paths.output)
    left = (folder / "results.json", folder / "checkpoints" / LAST)
    claim(
        folder / "claim.json",
        {"settings": settings_key(config, weights)},
        "Remove the folder, or choose another one (hydra.sweep.dir or hydra.run.dir)",
        in_use=lambda: any(path.is_file() for path in left),
    )


@contextmanager
def hold_run_folder(config: DictConfig) -> Iterator[None]:
    """Hold the run's folder in the first process of the run, until the block ends.

    Removes what a killed run left unfinished in it. Raises UserError if another run writes to it,
    such as one that was started in the same second.
    """
    if not is_first_process():
        yield
        return
    folder = Path(config.paths.output)
    with exclusive(folder, "Start the run again, or in another folder: hydra.run.dir=..."):
        remove_leftovers_in(folder)
        remove_leftovers_in(folder / "checkpoints")
        yield


def clear_resumed(checkpoint: Path) -> None:
    """Remove unfinished checkpoints beside one that is resumed, unless its run is still alive."""
    if checkpoint.parent.name != "checkpoints" or not leftovers_in(checkpoint.parent):
        return
    with suppress(UserError, OSError), exclusive(checkpoint.parents[1], ""):
        remove_leftovers_in(checkpoint.parent)


def resumed_settings(config: DictConfig, module: GroundingModule) -> ResumedSettings:
    """The callback that compares the settings of a resumed run with those of its checkpoint."""
    return ResumedSettings(compared_settings(config), module.optimizer)


def check_resumed(config: DictConfig, checkpoint: Path) -> None:
    """Report what is resumed, and which settings have changed; the settings must be resolved.

    Raises UserError if one has changed that must stay, or if more epochs are trained already.
    """
    entries = load_entries(checkpoint)
    check_training_state(entries, checkpoint)
    epochs, longest = entries.get("epoch", 0), config.trainer.max_epochs
    if longest is not None and -1 < longest < epochs:
        raise UserError(
            f"{checkpoint} has trained {epochs} epochs, more than trainer.max_epochs={longest}; "
            "give a larger number, or start a new training from the weights: ckpt=... without "
            "resume"
        )
    before = entries.get(SETTINGS_KEY)
    changes = []
    if isinstance(before, Mapping):  # absent in checkpoints of older versions
        before = {key: value for key, value in before.items() if not is_below(key, WITHOUT_EFFECT)}
        changes = compare_settings(before, compared_settings(config))
    if is_first_process():
        clear_resumed(checkpoint)
        log.info("resuming from %s, step %s", checkpoint, entries.get("global_step"))
        for change in changes:
            log.warning("%s", change)
        if longest == epochs:
            log.warning("all %d epochs are trained; a larger trainer.max_epochs adds some", epochs)


def is_first_process() -> bool:
    """Whether this is the process of a run that writes its files."""
    return getattr(rank_zero_only, "rank", 0) == 0  # an attribute that its type does not declare


def compared_settings(config: DictConfig) -> dict[str, Any]:
    """The settings that a checkpoint keeps for the run that continues it, by dotted keys."""
    settings = plain(config)
    settings["model"] = without_weights(settings["model"])
    return {
        key: value
        for key, value in flat(settings)
        if is_below(key, COMPARED) and not is_below(key, WITHOUT_EFFECT)
    }


def settings_key(config: DictConfig, weights: Path | None) -> str:
    """A key that is equal for trainings that learn the same, wherever their files are."""
    config = copy.deepcopy(config)
    config.paths.output = ""  # other settings follow it, such as trainer.default_root_dir
    settings: dict[str, Any] = plain(config)
    callbacks = settings["callbacks"]
    settings["callbacks"] = {name: callbacks.get(name) for name in ("ema", "stop")}
    left_out = ALLOCATION if config.data.get("total_batch") else ()
    for key in (*WITHOUT_EFFECT, *left_out):
        group, _, name = key.rpartition(".")
        (settings[group] if group else settings).pop(name, None)
    settings["ckpt"] = None if weights is None else sha256_of(weights)
    descriptions = config.data.get("descriptions")
    settings["descriptions"] = descriptions and sha256_of(Path(descriptions).expanduser())
    return key_of(settings)
