"""Replaces settings that depend on the data or the machine, so that what is logged is what runs."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning.accelerators import CPUAccelerator, CUDAAccelerator

from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.errors import UserError, first_line, some
from glip_pl.files.writing import write_whole
from glip_pl.running.batch_size import chosen_batch_size, memory_of_gpus
from glip_pl.running.checks import can_tell_best, one_prompt

log = logging.getLogger(__name__)

AUTO = "auto"
"""Value of a setting that is to be chosen by the training pictures or by the GPU."""

AUTOMATIC = ("max_epochs", "check_val_every_n_epoch")
"""Settings of the trainer that may have this value."""

SUFFICIENT_STEPS = 500
"""Optimizer steps after which a fine-tuned model has learned a small dataset (docs/results.md)."""

MIN_EPOCHS, MAX_EPOCHS = 3, 100
"""Bounds of the number of epochs that `auto` chooses."""

VALIDATIONS = 20
"""About how often a training with `check_val_every_n_epoch=auto` is validated."""


def resolve_training(config: DictConfig, data: GroundingDataModule) -> DictConfig:
    """A copy of a training's settings in which every value is the one that is used.

    Raises UserError if the data do not fit the settings.
    """
    config = config.copy()
    if None in (config.data.eval_transform.short_sides, config.data.eval_transform.max_side):
        raise UserError(
            "data.eval_transform has no image size: null means that of the checkpoint, which only "
            "an evaluation takes; set short_sides=[288] and max_side=560, for instance"
        )
    if config.shots != "full" and not any(
        source.dataset.records.selection.few_shot for source in data.train.values()
    ):
        raise UserError(
            f"shots={config.shots}: no training source selects few pictures; data=custom and odinw "
            "do, others need the setting dataset.few_shot (conf/data/custom.yaml)"
        )
    if config.model.prompts:  # a learned prompt has a row for each token of its names
        caption = one_prompt(data).prompt.caption
        config.model.prompt_rows = len(data.tokenizer(caption)["input_ids"])
    stops_early = config.callbacks.get("stop") is not None
    if not can_tell_best(data.val, instantiate(config.schedule), stops_early):
        config.callbacks.best = None
    _resolve_batch_size(config, data)
    _resolve_accumulation(config)
    _resolve_epochs(config.trainer, data)
    return config


def resolve_evaluation(config: DictConfig, trained: Mapping[str, Any]) -> DictConfig:
    """A copy of an evaluation's settings in which every value is the one that is used.

    Tokenizer and image size are those in `trained`, the settings in the checkpoint, unless the user
    has set others.
    """
    config = config.copy()
    if config.data.batch_size == AUTO:
        raise UserError("data.batch_size=auto is for a training: set data.batch_size to a number")
    if OmegaConf.is_interpolation(config.tokenizer, "source"):
        config.tokenizer.source = trained["tokenizer"]
    _resolve_image_size(config.data.eval_transform, trained["eval_transform"])
    for name in AUTOMATIC:
        if config.trainer[name] == AUTO:
            config.trainer[name] = 1  # nothing is trained
    return config


def _resolve_image_size(transform: DictConfig, trained: Mapping[str, Any]) -> None:
    """Take the checkpoint's image size where a setting is null, and log what the user has set."""
    own = {"short_sides": list(trained["short_sides"]), "max_side": trained["max_side"]}
    for name, size in own.items():
        if transform[name] is None:
            transform[name] = size
        elif transform[name] != size:
            message = "data.eval_transform.%s=%s is used in place of the checkpoint's own %s"
            log.warning(message, name, transform[name], size)
    short, longest = transform.short_sides[0], transform.max_side
    log.info("images: short side %d, long side %d pixels at most", short, longest)


def _resolve_batch_size(config: DictConfig, data: GroundingDataModule) -> None:
    """Choose the largest batch that fits the GPU. Raises UserError without a GPU or an estimate."""
    if config.data.batch_size != AUTO:
        return
    probe = _probe(config.trainer, **_chosen_epochs(config.trainer))
    memory = memory_of_gpus() if isinstance(probe.accelerator, CUDAAccelerator) else None
    config.data.batch_size = chosen_batch_size(config, probe.world_size, memory)
    data.batch_size = config.data.batch_size


def _resolve_accumulation(config: DictConfig) -> None:
    """Accumulate the gradients of as many batches as make up `data.total_batch`.

    Raises UserError if no number of them does, or if the trainer's own setting says otherwise.
    """
    total, batch = config.data.get("total_batch"), config.data.batch_size
    if total is None:
        return
    processes = process_count(config.trainer)
    joint = batch * processes
    if total % joint:
        fitting = [size for size in range(1, total + 1) if total % (size * processes) == 0]
        remedy = (
            f"choose data.batch_size={some([*map(str, fitting)])}"
            if fitting
            else "train with a number of processes that divides it"
        )
        raise UserError(
            f"data.total_batch={total} is not a multiple of data.batch_size={batch} x {processes} "
            f"processes; {remedy}, or data.total_batch=null for a step of {joint} pictures, with a "
            "learning rate to match"
        )
    given = config.trainer.get("accumulate_grad_batches")
    if given not in (None, 1, total // joint):
        raise UserError(
            f"trainer.accumulate_grad_batches={given}: data.total_batch={total} asks for "
            f"{total // joint} with {processes} processes; leave it out, or set "
            "data.total_batch=null"
        )
    with open_dict(config.trainer):
        config.trainer.accumulate_grad_batches = total // joint
        interval = config.trainer.get("val_check_interval")
        if isinstance(interval, int) and config.trainer.check_val_every_n_epoch is None:
            # The recipe counts steps, and Lightning batches.
            config.trainer.val_check_interval = interval * (total // joint)
    message = "%d pictures a step: %d processes x %d x %d batches (data.total_batch)"
    log.info(message, total, processes, batch, total // joint)


def _resolve_epochs(trainer: DictConfig, data: GroundingDataModule) -> None:
    """Choose as many epochs as make SUFFICIENT_STEPS, and about VALIDATIONS validations."""
    if trainer.max_epochs == AUTO:
        pictures = sum(source.epoch_length() for source in data.train.values())
        batch = data.batch_size * process_count(trainer) * trainer.get("accumulate_grad_batches", 1)
        epochs = -(-SUFFICIENT_STEPS // max(1, pictures // batch))
        trainer.max_epochs = min(MAX_EPOCHS, max(MIN_EPOCHS, epochs))
        message = "%d pictures an epoch: %d epochs (trainer.max_epochs)"
        log.info(message, pictures, trainer.max_epochs)
    if trainer.check_val_every_n_epoch == AUTO:
        trainer.check_val_every_n_epoch = max(1, (trainer.max_epochs or 1) // VALIDATIONS)


def process_count(trainer: DictConfig) -> int:
    """How many processes a trainer of these settings uses, on all machines.

    Only Lightning knows accelerators, launchers and schedulers, so a trainer without callbacks is
    built and its number of processes is read. Raises UserError if Lightning refuses the settings,
    or if there are more processes than processor cores.
    """
    probe = _probe(trainer, **_chosen_epochs(trainer))
    cores = os.cpu_count() or 1
    if isinstance(probe.accelerator, CPUAccelerator) and probe.num_devices > cores:
        raise UserError(
            f"trainer.devices={trainer.devices}: without a GPU there is a process for each of "
            f"them, and this machine has {cores} processor cores"
        )
    return probe.world_size


def _chosen_epochs(trainer: DictConfig) -> dict[str, int]:
    """Numbers, of no importance, for what is chosen later."""
    return {name: 1 for name in AUTOMATIC if trainer[name] == AUTO}


def _probe(trainer: DictConfig, **chosen: int) -> pl.Trainer:
    """A trainer that trains nothing. Raises UserError if Lightning refuses the settings."""
    try:
        probe: pl.Trainer = instantiate(
            trainer,
            **chosen,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except InstantiationException as error:
        cause = error.__cause__ or error
        raise UserError(f"Lightning refuses the settings `trainer`: {first_line(cause)}") from error
    return probe


def write_settings(config: DictConfig) -> None:
    """Write the resolved settings of a run to `config.yaml` in its folder."""
    with write_whole(Path(config.paths.output, "config.yaml")) as partial:
        partial.write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")
