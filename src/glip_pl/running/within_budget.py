"""Weights between a model and its tuned one that forget no more than allowed, after a training."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig

from glip_pl.checkpoints.interpolation import interpolated
from glip_pl.checkpoints.reading import Checkpoint, read_checkpoint
from glip_pl.checkpoints.rebuilding import rebuild
from glip_pl.checkpoints.writing import write_weights
from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.running.build import build_module, build_trainer
from glip_pl.running.forgetting_budget import Choice, Point, choose_share
from glip_pl.running.settings import plain
from glip_pl.training.module import GroundingModule

log = logging.getLogger(__name__)

WITHIN, NEAREST = "within_budget.safetensors", "nearest_to_budget.safetensors"
"""Files of the chosen weights, if they forget no more than allowed, and if none do."""


@dataclass(frozen=True, eq=False)
class Budget:
    """The weights between two checkpoints of one model, and those of them that were chosen."""

    between: "Between"
    choice: Choice
    path: Path  # of the chosen weights

    @classmethod
    def of(
        cls, between: "Between", allowed: float, data: GroundingDataModule, trainer: pl.Trainer
    ) -> "Budget":
        """Choose the weights on validation that forget at most `allowed` points, and write them.

        Every process of a training must call this after it is trained; the first one writes.
        """
        choice = choose_share(lambda share: between.measured(data, data.val, share), allowed)
        path = between.path.with_name(WITHIN if choice.possible else NEAREST)
        if trainer.is_global_zero:
            chosen = between.checkpoint(choice.chosen.share)
            write_weights(chosen.weights, chosen.config, path)
        trainer.strategy.barrier()
        return cls(between, choice, path)

    @property
    def score(self) -> float:
        """The validation score within the budget: of the model before if all others exceed it."""
        choice = self.choice
        return (choice.chosen if choice.possible else choice.points[0]).task / 100

    def tested(self, module: GroundingModule, data: GroundingDataModule) -> Choice:
        """The weights before, tuned and chosen on the test sets.

        `module` has just tested the chosen ones; the others are tested here.
        """
        share = self.choice.chosen.share
        chosen = point_of(module, share)
        ends = (self.between.measured(data, data.test, end) for end in (0.0, 1.0))
        points = {point.share: point for point in (*ends, chosen)}
        return replace(self.choice, points=[points[at] for at in sorted(points)], chosen=chosen)


@dataclass(frozen=True, eq=False)
class Between:
    """All weights between the model before a training and its best one."""

    config: DictConfig  # the settings of the training, resolved
    before: Checkpoint
    after: Checkpoint
    path: Path  # of `after`

    @classmethod
    def of(cls, config: DictConfig, before: Path, after: Path) -> "Between":
        """Those between two files. Raises UserError if one cannot be read."""
        return cls(config, read_checkpoint(before), read_checkpoint(after), after)

    def checkpoint(self, share: float) -> Checkpoint:
        """The weights of a share. Raises UserError if the files are of different models."""
        return Checkpoint(interpolated(self.before, self.after, share), self.after.config)

    def measured(
        self, data: GroundingDataModule, sets: Mapping[str, EvaluationSet], share: float
    ) -> Point:
        """What the weights of a share reach on some sets of a training's data."""
        tested = GroundingDataModule(
            train={},
            val={},
            test=sets,  # a validation belongs to a training and its callbacks
            tokenizer=data.tokenizer,
            batch_size=data.batch_size,
            workers=data.workers,
            seed=data.seed,
        )
        config = self.config.copy()
        config.logger = {}  # the curves of the training end with its last validation
        config.callbacks.pictures = None
        model = rebuild(plain(config.model), self.checkpoint(share), self.path)
        module = build_module(config, model, tested)
        build_trainer(config, train=False).test(module, tested, verbose=False)
        point = point_of(module, share)
        kept = ", ".join(f"{name} {value:.1f}" for name, value in point.retention.items())
        log.info("share %g of the tuned weights: AP %.1f, %s", share, point.task, kept)
        return point


def point_of(module: GroundingModule, share: float) -> Point:
    """What the last test of a module, whose weights are those of a share, has found."""
    mean = module.test.mean(module.results)
    retention = {
        name: 100 * module.results[name][evaluation.metric.headline]
        for name, evaluation in module.test.sets.items()
        if evaluation.retention
    }
    return Point(share, 100 * (nan if mean is None else mean), retention)
