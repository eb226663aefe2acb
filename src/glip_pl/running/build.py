"""Builds the objects of a run from its settings, by Hydra's `instantiate`."""

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
from glip_pl.errors import UserError, some
from glip_pl.inference.encoded_query import read_prompt_file
from glip_pl.inference.learned_prompt import LearnedPrompt
from glip_pl.models.glip import GLIP
from glip_pl.prompts.prompt_kit import PromptKit
from glip_pl.prompts.tokens import Tokenizer
from glip_pl.running.setting_checks import check_examples, check_sharding
from glip_pl.running.settings import checkpoint_config, plain
from glip_pl.training.checkpoint_io import WholeCheckpointIO
from glip_pl.training.evaluation import Evaluation
from glip_pl.training.module import GroundingModule

RETENTION = "retention_"
"""Beginning of the names of sets that measure retention."""


def build_data(config: DictConfig, train: bool) -> GroundingDataModule:
    """The data of a run; without `train` only the test sets."""
    if train:
        check_sharding(config)
        check_examples(config)
    data = config.data
    groups = ("train", "val", "test") if train else ("test",)
    if data.get("prepare") is not None:
        instantiate(data.prepare)  # in every process: that is safe, and none has to wait
    for group in groups:
        check_paths(data.get(group) or {}, f"data.{group}")
    check_paths(retention_sets(config, tested=True), "data.retention")
    sources = _members(data.train) if train else {}
    if train and not sources:
        raise UserError("data.train has no source, so that there is nothing to train on")
    kit = _prompt_file(config)
    words = {"wordings": kit.wordings_of} if isinstance(kit, PromptKit) else {}
    tests = _members(data.test, **words) | _retention(config, tested=True)
    if not train and not tests:
        raise UserError("data.test has no set, so that there is nothing to evaluate")
    return GroundingDataModule(
        train=sources,
        val=_members(data.val, foils=None) | _retention(config, tested=False) if train else {},
        test=tests,
        tokenizer=instantiate(config.tokenizer),
        batch_size=data.batch_size,
        workers=data.workers,
        seed=config.seed,
        grouping=data.get("grouping", "none"),
        padding=(config.get("model") or {}).get("padding", "shared"),
    )


def retention_sets(config: DictConfig, tested: bool) -> dict[str, DictConfig | None]:
    """The settings of the sets that measure retention.

    Where validation chooses by retention (`forget_at_most`), those that are `tested` are of
    `data.retention_test`, other pictures.
    """
    sets = dict((config.data.get("retention") or {}).items())
    if not tested or config.get("forget_at_most") is None:
        return sets
    others = config.data.get("retention_test") or {}
    return {name: node and (others.get(name) or node) for name, node in sets.items()}


def _retention(config: DictConfig, tested: bool) -> dict[str, EvaluationSet]:
    """The sets that measure retention, by their names in figures."""
    built = _members(retention_sets(config, tested), retention=True, foils=None)
    return {f"{RETENTION}{name}": dataset for name, dataset in built.items()}


def check_paths(node: Mapping[Any, Any] | DictConfig, key: str) -> None:
    """Raise UserError at the first dataset whose files are absent, before anything slow is built.

    `key` is the setting that holds `node`.
    """
    for name, value in node.items():
        if name in ("annotations", "images"):
            places: list[str] = [value] if isinstance(value, str) else list(value)
            if not any(matching(place) for place in places):
                raise UserError(
                    f"no such file or folder: {' or '.join(places)} (the setting `{key}.{name}`). "
                    f"{HOW_TO_GET_DATA}"
                )
        elif isinstance(value, Mapping | DictConfig):
            check_paths(value, f"{key}.{name!s}")


def _members(group: Mapping[Any, Any] | DictConfig | None, **options: Any) -> dict[str, Any]:
    """The datasets of a group; null switches a dataset, or the whole group, off."""
    return {
        str(name): instantiate(node, **options)
        for name, node in (group or {}).items()
        if node is not None
    }


def build_model(config: DictConfig, weights: Path | None) -> GLIP:
    """The model of the settings, with its pretrained parts or with a checkpoint's weights.

    Raises UserError if the checkpoint belongs to another model.
    """
    if weights is None:
        model: GLIP = instantiate(config.model)
        return model
    return rebuild(plain(config.model), read_checkpoint(weights), weights)


def build_module(
    config: DictConfig,
    model: GLIP,
    data: GroundingDataModule,
    kept: Mapping[str, Any] | None = None,
) -> GroundingModule:
    """The Lightning module around a model; `kept` are the settings in the model's checkpoint.

    Raises UserError if the tokenizer does not fit the model.
    """
    model.text_encoder.check_tokenizer(len(data.tokenizer))
    return GroundingModule(
        model=model,
        loss=instantiate(config.loss),
        decoder=instantiate(config.decoder),
        optimizer=instantiate(config.optimizer),
        schedule=instantiate(config.schedule),
        val=_evaluations(config, data.val, data.tokenizer),
        test=_evaluations(config, data.test, data.tokenizer),
        config=checkpoint_config(config) if kept is None else kept,
    )


def _evaluations(
    config: DictConfig, sets: Mapping[str, EvaluationSet], tokenizer: Tokenizer
) -> dict[str, Evaluation]:
    """How each set is evaluated: with its vocabulary, or with the learned prompt of `prompt=`."""
    learned = _learned_prompt(config, sets) if sets else None
    asked = [name for name, dataset in sets.items() if dataset.foils]
    if asked and (learned is not None or config.model.prompts):
        raise UserError(
            f"a learned prompt has no words for the foils of {some(asked)}: ask for them without "
            "it (the setting `foils`)"
        )
    return {
        name: Evaluation(
            dataset.new_metric(),
            dataset.vocabulary,
            tokenizer,
            config.prompt_memory_gb,
            None if dataset.retention else learned,
            retention=dataset.retention,
            foil_prompts=dataset.foil_prompts,
            asked=dataset.asked,
        )
        for name, dataset in sets.items()
    }


def _learned_prompt(config: DictConfig, sets: Mapping[str, EvaluationSet]) -> LearnedPrompt | None:
    """The learned prompt of the settings. Raises UserError if a set has other categories."""
    learned = _prompt_file(config)
    if not isinstance(learned, LearnedPrompt):
        return None
    for name, dataset in sets.items():
        if not dataset.retention and dataset.all_names != learned.prompt:
            raise UserError(
                f"{config.prompt} was learned for {learned.prompt.caption!r}, and the set "
                f"{name} has the prompt {dataset.all_names.caption!r} (the setting `prompt`)"
            )
    return learned


def _prompt_file(config: DictConfig) -> LearnedPrompt | PromptKit | None:
    """What the file of the setting `prompt` holds; training has no such setting."""
    return None if config.get("prompt") is None else read_prompt_file(Path(config.prompt))


SHOWING = ("progress", "pictures", "test_progress")
"""Names of the callbacks that are of use without training."""


def build_trainer(
    config: DictConfig, train: bool, extra_callbacks: Sequence[pl.Callback] = ()
) -> pl.Trainer:
    """Lightning's trainer with the loggers and callbacks of the settings and `extra_callbacks`.

    Without `train`, only those callbacks of the settings that show something. The settings must be
    resolved (running/resolved_settings.py).
    """
    nodes = [
        node
        for name, node in config.callbacks.items()
        if node is not None and (train or name in SHOWING)
    ]
    callbacks = [*map(instantiate, nodes), *extra_callbacks]
    loggers = [instantiate(node) for node in config.logger.values() if node is not None]
    if not loggers:  # the monitor refuses to train without one
        monitor = pl.callbacks.LearningRateMonitor
        callbacks = [callback for callback in callbacks if not isinstance(callback, monitor)]
    trainer: pl.Trainer = instantiate(
        config.trainer,
        callbacks=callbacks,
        plugins=[WholeCheckpointIO()],
        # Otherwise Lightning adds a checkpoint callback of its own where ours is switched off.
        enable_checkpointing=any(
            isinstance(callback, pl.callbacks.ModelCheckpoint) for callback in callbacks
        ),
        logger=loggers or False,
    )
    for logger in trainer.loggers:
        logger.log_hyperparams(plain(config))
    return trainer
