"""From settings to objects: the only place where entry points call Hydra's `instantiate`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.checkpoints.rebuilding import rebuild
from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.data.images import HOW_TO_GET_DATA, matching
from glip_pl.errors import UserError
from glip_pl.inference.learned_prompt import read_prompt
from glip_pl.models.glip import GLIP
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.running.settings import checkpoint_config, plain
from glip_pl.training.evaluation import RETENTION, Evaluation
from glip_pl.training.module import GroundingModule


def build_data(config: DictConfig, train: bool) -> GroundingDataModule:
    """The data of a run; without `train` only the test sets."""
    data = config.data
    groups = ("train", "val", "test", "retention") if train else ("test", "retention")
    if data.get("prepare") is not None:
        instantiate(data.prepare)  # by every process: safe, and nobody has to wait
    for group in groups:
        check_paths(data.get(group) or {}, f"data.{group}")
    kept = {f"{RETENTION}{name}": one for name, one in _present(data.get("retention")).items()}
    return GroundingDataModule(
        train=_present(data.train) if train else {},
        val=_present(data.val) | kept if train else {},
        test=_present(data.test) | kept,
        tokenizer=instantiate(config.tokenizer),
        batch_size=data.batch_size,
        workers=data.workers,
        seed=config.seed,
    )


def check_paths(node: Any, key: str) -> None:
    """Raise UserError at the first dataset whose files are absent, before anything slow is built.

    `key` is the setting under which `node` stands.
    """
    for name, value in node.items():
        if name in ("annotations", "images"):
            places = [value] if isinstance(value, str) else list(value)
            if not any(matching(place) for place in places):
                raise UserError(
                    f"no such file or folder: {' or '.join(places)} (the setting `{key}.{name}`). "
                    f"{HOW_TO_GET_DATA}"
                )
        elif isinstance(value, Mapping | DictConfig):
            check_paths(value, f"{key}.{name}")


def _present(sets: DictConfig | None) -> dict[str, Any]:
    """Built members of a group; null switches one, or all, off."""
    return {str(name): instantiate(one) for name, one in (sets or {}).items() if one is not None}


def build_module(config: DictConfig, model: GLIP, data: GroundingDataModule) -> GroundingModule:
    """The Lightning module around a model."""
    return GroundingModule(
        model=model,
        loss=instantiate(config.loss),
        decoder=instantiate(config.decoder),
        optimizer=instantiate(config.optimizer),
        schedule=instantiate(config.schedule),
        val=_evaluations(config, data.val, data.tokenizer),
        test=_evaluations(config, data.test, data.tokenizer),
        config=checkpoint_config(config),
    )


def _evaluations(
    config: DictConfig, sets: Mapping[str, EvaluationSet], tokenizer: Tokenizer
) -> dict[str, Evaluation]:
    learned = None
    if sets and config.get("prompt") is not None:
        learned = read_prompt(Path(config.prompt).expanduser())
        for name, one in sets.items():
            if not name.startswith(RETENTION) and one.all_names != learned.prompt:
                raise UserError(
                    f"{config.prompt} was learned for {learned.prompt.caption!r}, and the set "
                    f"{name} asks for {one.all_names.caption!r} (the setting `prompt`)"
                )
    return {
        name: Evaluation(
            one.new_metric(),
            one.vocabulary,
            tokenizer,
            config.prompt_memory_gb,
            None if name.startswith(RETENTION) else learned,
            apart=name.startswith(RETENTION),
        )
        for name, one in sets.items()
    }


def build_model(config: DictConfig, weights: Path | None) -> GLIP:
    """The model of the settings, with its pretrained parts or with a checkpoint's weights.

    Raises UserError if the checkpoint is of another model.
    """
    if weights is None:
        fresh: GLIP = instantiate(config.model)
        return fresh
    return rebuild(plain(config.model), read_checkpoint(weights), weights)


SHOWING = ("progress", "pictures", "test_progress")
"""Callbacks that mean something without training."""


def build_trainer(config: DictConfig, train: bool, more: Sequence[pl.Callback] = ()) -> pl.Trainer:
    """Lightning's trainer with the loggers and callbacks of the settings, and `more`.

    If it is not to `train`, of the settings' callbacks only those that show something.
    """
    callbacks = [
        one
        for name, one in config.callbacks.items()
        if one is not None and (train or name in SHOWING)
    ]
    loggers = [one for one in config.logger.values() if one is not None]
    built = [*(instantiate(one) for one in callbacks), *more]
    settings = config.trainer.copy()
    for name in ("max_epochs", "check_val_every_n_epoch"):
        if settings[name] == "auto":
            settings[name] = 1  # until the number of processes is known, or nothing is trained
    trainer: pl.Trainer = instantiate(
        settings,
        callbacks=built,
        # Otherwise Lightning adds a checkpoint callback of its own where ours is switched off.
        enable_checkpointing=any(isinstance(one, pl.callbacks.ModelCheckpoint) for one in built),
        logger=[instantiate(one) for one in loggers] or False,
    )
    for logger in trainer.loggers:
        logger.log_hyperparams(plain(config))
    return trainer
