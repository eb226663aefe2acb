"""AdamW with the parameter groups of the released models (official GLIP code)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

TEXT_ENCODER = "text_encoder."
"""How the names of the pretrained text encoder's parameters begin."""

LORA = ".lora_"
"""Part of the names of low-rank updates, which are new and learn as fast as everything else."""

BIAS_FACTOR = 2.0
"""Biases have twice the learning rate and no weight decay."""


@dataclass(frozen=True)
class GroupedAdamW:
    """AdamW with a learning rate for the pretrained text encoder and another for all else."""

    lr: float = 1e-4
    text_lr: float = 1e-5
    weight_decay: float = 1e-4

    def rate(self, group: str) -> float:
        """The learning rate of a parameter group, by its name."""
        rate = self.text_lr if group.startswith("text") else self.lr
        return rate * (BIAS_FACTOR if group.endswith("bias") else 1.0)

    def decay(self, group: str) -> float:
        """The weight decay of a parameter group, by its name."""
        return 0.0 if group.endswith("bias") else self.weight_decay

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
                "lr": self.rate(name),
                "weight_decay": self.decay(name),
            }
            for name, params in members.items()
        ]

    def __call__(self, model: nn.Module) -> Optimizer:
        """The optimizer of a model's trainable parameters, which updates all of them in one go."""
        optimizer = AdamW(self.groups(model.named_parameters()), fused=True)
        # Float16's scale is taken out of the gradients before they are clipped, not in the step.
        optimizer._step_supports_amp_scaling = False
        optimizer.register_load_state_dict_pre_hook(_fused)
        return optimizer


def _fused(optimizer: Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """The state of an optimizer with its groups fused, which those of old checkpoints are not."""
    groups = [{**group, "foreach": None, "fused": True} for group in state["param_groups"]]
    return {**state, "param_groups": groups}
