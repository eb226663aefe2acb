"""What is wrong with a training before it begins."""

import logging
from collections.abc import Mapping

from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.errors import UserError
from glip_pl.models.glip import GLIP
from glip_pl.prompts.building import detection_prompt
from glip_pl.prompts.chunking import Chunk
from glip_pl.training.evaluation import RETENTION
from glip_pl.training.optimizer import Plateau, WarmUpSteps

log = logging.getLogger(__name__)


def can_tell_best(
    val: Mapping[str, EvaluationSet], schedule: WarmUpSteps | Plateau, stops: bool
) -> bool:
    """Whether a validation tells which weights are best.

    Raises UserError if the schedule or the end of training waits for that in vain.
    """
    judged = {name: one for name, one in val.items() if not name.startswith(RETENTION)}
    if any(one.index.boxes.lengths()[one.rows].any() for one in judged.values()):
        return True
    fault = f"{', '.join(judged)} has no boxes" if judged else "there is none"
    waiting = {"schedule=plateau": isinstance(schedule, Plateau), "callbacks.stop": stops}
    asking = [name for name, needs in waiting.items() if needs]
    if asking:
        raise UserError(
            f"{' and '.join(asking)} go by validation, and of the sets of data.val {fault}. Give "
            "one, or take schedule=short callbacks=default"
        )
    if judged:
        log.warning("no validation tells which weights are best: of data.val %s", fault)
    return False


def one_prompt(data: GroundingDataModule) -> Chunk:
    """The prompt that is learned. Raises UserError if prompts vary: rows belong to places in it."""
    asked = {}
    for name, source in data.train.items():
        dataset = source.dataset
        always = dataset.sampler is not None and dataset.sampler.always_all(dataset.lengths)
        if not always:
            raise UserError(
                f"tuning.prompts learns one prompt with all names in order, and data.train.{name} "
                "has others; its names must fit one prompt, with dataset.sampler.shuffle=false, "
                f"full_probability=1 and max_negatives={len(dataset.names)} or more"
            )
        asked[f"data.train.{name}"] = detection_prompt(dataset.wordings)
    for group, sets in (("val", data.val), ("test", data.test)):
        for name, one in sets.items():
            if not name.startswith(RETENTION):
                asked[f"data.{group}.{name}"] = one.all_names
    (first, prompt), *others = asked.items()
    for name, other in others:
        if other != prompt:
            raise UserError(
                f"tuning.prompts learns one prompt, and {name} asks for {other.caption!r} where "
                f"{first} asks for {prompt.caption!r}: give all splits the same categories in the "
                "same order, with ids from 1 (an id 0 without boxes is left out)"
            )
    return Chunk(0, prompt)


def warn_of_untrained(model: GLIP) -> None:
    """Tell of frozen parts that no training has touched."""
    parts = ("fpn", "fusions", "dynamic_convs", "head")
    frozen = [
        part
        for part in parts
        if not any(weights.requires_grad for weights in getattr(model, part).parameters())
        and any(True for _ in getattr(model, part).parameters())
    ]
    if frozen:
        log.warning(
            "%s stay as they were drawn at random, for nothing trained them and `tuning` freezes "
            "them: start from a trained model, ckpt=...",
            " and ".join(frozen),
        )
