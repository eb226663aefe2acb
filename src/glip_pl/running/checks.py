"""Checks of a training before it begins."""

import logging
from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig

from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.errors import UserError
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk
from glip_pl.training.schedule import Plateau, WarmUpSteps
from glip_pl.types import Prompt

log = logging.getLogger(__name__)


def can_tell_best(
    val: Mapping[str, EvaluationSet], schedule: WarmUpSteps | Plateau, stops_early: bool
) -> bool:
    """Whether validation can tell which weights are best.

    Raises UserError if it cannot and the schedule or early stopping depends on it.
    """
    judged = {name: dataset for name, dataset in val.items() if not dataset.retention}
    if any(dataset.index.boxes.lengths()[dataset.rows].any() for dataset in judged.values()):
        return True
    fault = f"{', '.join(judged)} has no boxes" if judged else "there is none"
    dependent = {"schedule=plateau": isinstance(schedule, Plateau), "callbacks.stop": stops_early}
    names = [name for name, depends in dependent.items() if depends]
    if names:
        raise UserError(
            f"{' and '.join(names)} need a validation set with boxes, but in data.val {fault}. "
            "Add one, or use schedule=short callbacks=default"
        )
    if judged:
        log.warning("validation cannot tell which weights are best: in data.val %s", fault)
    return False


def check_budget(config: DictConfig, data: GroundingDataModule, before: Path | None) -> None:
    """Raise UserError if `forget_at_most` is set and validation cannot choose what is kept.

    `before` is the checkpoint from which the training starts.
    """
    if config.forget_at_most is None:
        return
    lacking = {
        "ckpt=<the model before>": before is None,
        "retention=<shapes or coco>": not any(one.retention for one in data.val.values()),
        "a validation set with boxes, and callbacks.best": config.callbacks.get("best") is None,
    }
    missing = [name for name, is_missing in lacking.items() if is_missing]
    if missing:
        raise UserError(f"forget_at_most={config.forget_at_most} needs {' and '.join(missing)}")
    if before is not None and before.is_relative_to(Path(config.paths.output)):
        raise UserError(
            f"forget_at_most={config.forget_at_most}: ckpt={config.ckpt} is now a checkpoint of "
            f"this very run, {before}; name the file of the model before it"
        )
    if config.model.prompts:
        raise UserError(
            f"forget_at_most={config.forget_at_most}: a learned prompt (model.prompts) leaves the "
            "model as it is, which forgets nothing. Leave forget_at_most out"
        )


def one_prompt(data: GroundingDataModule) -> Chunk:
    """The prompt that prompt tuning learns.

    Raises UserError if prompts vary, because what is learned belongs to positions in the prompt.
    """
    prompts = _training_prompts(data)
    for group, sets in (("val", data.val), ("test", data.test)):
        for name, dataset in sets.items():
            if not dataset.retention:
                prompts[f"data.{group}.{name}"] = dataset.all_names
    (first, prompt), *others = prompts.items()
    for name, other in others:
        if other != prompt:
            raise UserError(
                f"tuning.prompts learns one prompt, and {name} has {other.caption!r} where "
                f"{first} has {prompt.caption!r}: give all splits the same categories in the "
                "same order, with ids from 1 (an id 0 without boxes is left out)"
            )
    return Chunk(0, prompt)


def _training_prompts(data: GroundingDataModule) -> dict[str, Prompt]:
    """The prompt of every training source. Raises UserError if one has random prompts."""
    prompts = {}
    for name, source in data.train.items():
        dataset = source.dataset
        prompt = dataset.prompts.common
        if prompt is None:
            raise UserError(
                "tuning.prompts learns one prompt with all names in order, and "
                f"data.train.{name} has other prompts; its names must fit one prompt, with "
                "dataset.sampler.shuffle=false, full_probability=1 and "
                f"max_negatives={len(dataset.index.names)} or more"
            )
        prompts[f"data.train.{name}"] = prompt
    return prompts


def warn_of_untrained(model: GLIP) -> None:
    """Warn of frozen parts that still have their random initial weights."""
    frozen = []
    for name in ("fpn", "fusions", "dynamic_convs", "head"):
        parameters = list(getattr(model, name).parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            frozen.append(name)
    if frozen:
        log.warning(
            "%s keep their random initial weights, since `tuning` freezes them and no checkpoint "
            "was given: start from a trained model, ckpt=...",
            " and ".join(frozen),
        )
