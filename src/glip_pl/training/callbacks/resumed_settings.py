"""Compares the settings of a resumed run with those that its checkpoint was trained with."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from typing import Any

import pytorch_lightning as pl

from glip_pl.errors import UserError
from glip_pl.training.optimizer import GroupedAdamW
from glip_pl.training.schedule import RateAndDecay

log = logging.getLogger(__name__)

SETTINGS_KEY = "glip_pl_training"
"""Entry of a checkpoint with the settings of its training."""

FIXED = (
    *("seed", "model", "tuning.trains", "tuning.lora"),
    "schedule._target_",
)
"""Settings that a resumed run must keep: what its checkpoint holds depends on them."""

APPLIED = ("optimizer", "schedule")
"""Settings that a resumed run may change, and that take effect at once."""

COMPARED = (
    *FIXED,
    *APPLIED,
    *("data.train", "data.batch_size", "data.grouping"),
    "shots",
    "shots_seed",
    "loss",
    "callbacks.ema",
    "trainer",
)
"""Settings that a checkpoint keeps. Others change neither weights nor data."""


class ResumedSettings(pl.Callback):
    """Stores the settings of a training in its checkpoints.

    A resumed run gets the learning rates and weight decay of its own settings, and tells how the
    rate differs from that of the interrupted run.
    """

    def __init__(self, settings: Mapping[str, Any], optimizer: GroupedAdamW) -> None:
        """`settings` are those of the run, by dotted keys (`flat`)."""
        self.settings = dict(settings)
        self.optimizer = optimizer
        self.rates: dict[str, float] = {}  # of the interrupted run, by group
        self.total: int | None = None  # optimizer steps of the interrupted run; None: not known

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the settings."""
        checkpoint[SETTINGS_KEY] = self.settings

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Scale the stored learning rates and weight decays by what their settings were changed."""
        optimizers = checkpoint.get("optimizer_states", ())
        groups = [group for optimizer in optimizers for group in optimizer["param_groups"]]
        schedules = checkpoint.get("lr_schedulers", ())
        self.rates = {str(group["name"]): float(group["lr"]) for group in groups}
        self.total = schedules[0].get("total") if schedules else None
        before = checkpoint.get(SETTINGS_KEY)
        if not isinstance(before, Mapping):  # of an older version, or of another program
            return
        old = GroupedAdamW(
            *(float(before[f"optimizer.{name}"]) for name in ("lr", "text_lr", "weight_decay"))
        )
        for number, group in enumerate(groups):
            self._rescale(old, group, number, schedules)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell what the learning-rate schedule will do, unless that is what it would have done."""
        if not self.rates or not trainer.is_global_zero:
            return
        group = trainer.optimizers[0].param_groups[0]
        before, now = self.rates[group["name"]], float(group["lr"])
        schedule = trainer.lr_scheduler_configs[0].scheduler
        plan = ""
        if isinstance(schedule, RateAndDecay) and self.total not in (None, schedule.total):
            drops = " and ".join(map(str, schedule.drops())) or "none of them"
            plan = f"; the schedule now covers {schedule.total} steps (was {self.total})"
            plan += f" and drops the rate to a tenth at {drops}"
        if plan or not isclose(before, now):
            change = f"stays {now:.3g}" if before == now else f"goes from {before:.3g} to {now:.3g}"
            rate = f"the learning rate of {group['name']}"
            log.warning("step %d: %s %s%s", trainer.global_step, rate, change, plan)

    def _rescale(
        self,
        old: GroupedAdamW,
        group: dict[str, Any],
        number: int,
        schedules: Sequence[dict[str, Any]],
    ) -> None:
        """Change a parameter group, the one with this number, and its rates in the schedules."""
        name = str(group["name"])
        rates = self.optimizer.rate(name), old.rate(name)
        decays = self.optimizer.decay(name), old.decay(name)
        for key, change in (("lr", rates), ("weight_decay", decays)):
            for stored in {key, f"initial_{key}"} & group.keys():
                group[stored] = _scaled(group[stored], *change)
        for schedule in schedules:
            for stored in {"base_lrs", "_last_lr"} & schedule.keys():
                schedule[stored][number] = _scaled(schedule[stored][number], *rates)


def compare_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The settings of an interrupted run that differ in the run that continues it, in words.

    A change is applied or named, never ignored. Raises UserError for a setting that must stay.
    """
    keys = dict.fromkeys([*before, *now])
    changes = {
        key: f"{key}={now.get(key)} (was {before.get(key)})"
        for key in keys
        if before.get(key) != now.get(key)
    }
    fixed = [change for key, change in changes.items() if is_below(key, FIXED)]
    if fixed:
        raise UserError(
            f"a resumed run must keep these settings: {', '.join(fixed)}. Give them their old "
            "values, or start a new training from the weights: ckpt=... without resume"
        )
    effects = {True: "applied from now on", False: "differs from the interrupted run"}
    return [f"{change}: {effects[is_below(key, APPLIED)]}" for key, change in changes.items()]


def _scaled(value: float, new: float, old: float) -> float:
    """A value that a schedule has made of the setting `old`, as it would be with `new`."""
    if new == old:
        return value
    return new if old == 0 else value * new / old


def is_below(key: str, parents: tuple[str, ...]) -> bool:
    """Whether a dotted key is one of `parents` or lies below one."""
    return any(key == parent or key.startswith(f"{parent}.") for parent in parents)


def flat(settings: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested settings by its dotted key; lists are values."""
    if isinstance(settings, Mapping):
        for name, value in settings.items():
            yield from flat(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, settings
