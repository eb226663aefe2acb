"""AdamW groups and the learning-rate schedule of the released models (GLIP's program, paper 4)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

TEXT_ENCODER = "text_encoder."
LORA = ".lora_"
BIAS_FACTOR = 2.0
"""Biases learn twice as fast and do not decay."""

WARM_UP_START = 0.001
STEPS = (0.67, 0.89)
"""Parts of the training after which the rate drops to a tenth."""

DECAY_BEFORE = 0.667
"""How far into the time before a drop of the rate GLIP-L dropped its weight decay."""


@dataclass(frozen=True)
class GroupedAdamW:
    """AdamW with one rate for the pretrained text encoder and one for all else."""

    lr: float = 1e-4
    text_lr: float = 1e-5
    weight_decay: float = 1e-4

    def groups(self, parameters: Iterable[tuple[str, nn.Parameter]]) -> list[dict[str, Any]]:
        """Parameter groups by name; frozen parameters and empty groups are left out."""
        members: dict[str, list[nn.Parameter]] = {}
        for name, parameter in parameters:
            if parameter.requires_grad:
                pretrained = name.startswith(TEXT_ENCODER) and LORA not in name
                side = "text" if pretrained else "rest"
                kind = "bias" if "bias" in name else "weight"
                members.setdefault(f"{side}/{kind}", []).append(parameter)
        return [
            {
                "name": name,
                "params": params,
                "lr": (self.text_lr if name.startswith("text") else self.lr)
                * (BIAS_FACTOR if name.endswith("bias") else 1.0),
                "weight_decay": 0.0 if name.endswith("bias") else self.weight_decay,
            }
            for name, params in members.items()
        ]

    def __call__(self, model: nn.Module) -> Optimizer:
        """The optimizer of a model's trainable parameters."""
        return AdamW(self.groups(model.named_parameters()))


@dataclass(frozen=True)
class WarmUpSteps:
    """Linear warm-up, then a tenth of the rate after 67 % and again after 89 % of training."""

    warm_up: int = 2000  # optimizer steps; never more than half of the training
    drops_decay: bool = False  # GLIP-L: a tenth of the weight decay too, before each drop

    def factor(self, step: int, total: int) -> float:
        """What the base rate is multiplied by at an optimizer step."""
        warm_up = min(self.warm_up, total // 2)
        if step < warm_up:
            return WARM_UP_START + (1 - WARM_UP_START) * step / warm_up
        return float(0.1 ** sum(step >= part * total for part in STEPS))

    def decay_factor(self, step: int, total: int) -> float:
        """What the base weight decay is multiplied by at an optimizer step."""
        if not self.drops_decay:
            return 1.0
        return float(0.1 ** sum(step >= DECAY_BEFORE * part * total for part in STEPS))

    def __call__(self, optimizer: Optimizer, total: int) -> LambdaLR:
        """The schedule over `total` optimizer steps."""
        return RateAndDecay(
            optimizer,
            lambda step: self.factor(step, total),
            lambda step: self.decay_factor(step, total),
        )


@dataclass(frozen=True)
class Plateau:
    """A tenth of the rate when more than `patience` validations in a row were no better."""

    patience: int = 3
    least: float = 1e-6  # the rate sinks no further

    def __call__(self, optimizer: Optimizer, total: int) -> ReduceLROnPlateau:
        """The schedule, to be stepped with a score that should rise."""
        return _OnPlateau(
            optimizer, "max", factor=0.1, patience=self.patience, threshold=0, min_lr=self.least
        )


class _OnPlateau(ReduceLROnPlateau):
    """A resumed run counts on by its own settings."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        settings = ("patience", "min_lrs")
        return {key: value for key, value in super().state_dict().items() if key not in settings}


class RateAndDecay(LambdaLR):
    """A schedule of the learning rate that moves the weight decay along."""

    def __init__(
        self,
        optimizer: Optimizer,
        rate: Callable[[int], float],
        decay: Callable[[int], float],
    ) -> None:
        self.decay = decay
        for group in optimizer.param_groups:
            group.setdefault("initial_weight_decay", group["weight_decay"])
        super().__init__(optimizer, rate)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: all but the function, which the settings bring."""
        return {key: value for key, value in super().state_dict().items() if key != "decay"}

    def get_lr(self) -> list[float | Tensor]:
        """The rates of the groups; sets their weight decays on the way."""
        for group in self.optimizer.param_groups:
            group["weight_decay"] = group["initial_weight_decay"] * self.decay(self.last_epoch)
        return super().get_lr()
