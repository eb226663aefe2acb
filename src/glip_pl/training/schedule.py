"""Learning-rate schedules: warm-up with steps (official GLIP code), and drops on a plateau."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

WARM_UP_START = 0.001
"""Share of the learning rate at the first step of the warm-up."""

STEPS = (0.67, 0.89)
"""Shares of the training after each of which the learning rate drops to a tenth."""

DECAY_BEFORE = 0.667
"""Share of the time before a drop of the learning rate after which GLIP-L drops weight decay."""


@dataclass(frozen=True)
class WarmUpSteps:
    """Linear warm-up; the rate drops to a tenth after 67 % and again after 89 % of training."""

    warm_up: int = 2000  # optimizer steps; never more than half of the training
    drops_decay: bool = False  # GLIP-L: the weight decay drops to a tenth too, before each step

    def factor(self, step: int, total: int) -> float:
        """What the base rate is multiplied by at an optimizer step."""
        warm_up = min(self.warm_up, total // 2)
        if step < warm_up:
            return WARM_UP_START + (1 - WARM_UP_START) * step / warm_up
        return float(0.1 ** sum(step >= share * total for share in STEPS))

    def decay_factor(self, step: int, total: int) -> float:
        """What the base weight decay is multiplied by at an optimizer step."""
        if not self.drops_decay:
            return 1.0
        return float(0.1 ** sum(step >= DECAY_BEFORE * share * total for share in STEPS))

    def __call__(self, optimizer: Optimizer, total: int) -> LambdaLR:
        """The schedule over `total` optimizer steps."""
        return RateAndDecay(optimizer, self, total)


class RateAndDecay(LambdaLR):
    """A schedule of the learning rate and of the weight decay.

    A resumed run follows the plan of its own settings, from its first step on.
    """

    def __init__(self, optimizer: Optimizer, plan: WarmUpSteps, total: int) -> None:
        self.plan = plan
        self.total = total
        for group in optimizer.param_groups:
            group.setdefault("initial_weight_decay", group["weight_decay"])
        super().__init__(optimizer, lambda step: plan.factor(step, total))

    def drops(self) -> list[int]:
        """The steps still to come at which the rate drops to a tenth."""
        steps = (ceil(share * self.total) for share in STEPS)
        return [step for step in steps if self.last_epoch < step < self.total]

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: all but the plan, which comes from the settings."""
        return {key: value for key, value in super().state_dict().items() if key != "plan"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue at the stored step, with the rates that this plan has there."""
        super().load_state_dict({**state_dict, "total": self.total})
        factor = self.plan.factor(self.last_epoch, self.total)
        self._last_lr = [base * factor for base in self.base_lrs]
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate
        self._set_decays()

    def get_lr(self) -> list[float | Tensor]:
        """The learning rates of the groups; also sets their weight decays."""
        self._set_decays()
        return super().get_lr()

    def _set_decays(self) -> None:
        factor = self.plan.decay_factor(self.last_epoch, self.total)
        for group in self.optimizer.param_groups:
            group["weight_decay"] = group["initial_weight_decay"] * factor


@dataclass(frozen=True)
class Plateau:
    """The rate drops to a tenth after more than `patience` validations without improvement."""

    patience: int = 3
    least: float = 1e-6  # the rate never drops below it

    def __call__(self, optimizer: Optimizer, total: int) -> ReduceLROnPlateau:
        """The schedule, to be stepped with a score that should rise."""
        return _OnPlateau(
            optimizer, "max", factor=0.1, patience=self.patience, threshold=0, min_lr=self.least
        )


class _OnPlateau(ReduceLROnPlateau):
    """Leaves its settings out of checkpoints: a resumed run uses those that it is started with."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        settings = ("patience", "min_lrs")
        return {key: value for key, value in super().state_dict().items() if key not in settings}
