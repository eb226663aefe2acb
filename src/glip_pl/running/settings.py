"""Composes the settings of a command, and the functions that settings may call."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from glip_pl.checkpoints.recipes import without_weights
from glip_pl.files.shipped_settings import compose_shipped
from glip_pl.running.home import expanded
from glip_pl.running.runs import run_name
from glip_pl.types import SHOWN_SCORE


def automatic_precision() -> str:
    """Lightning's name for bf16 where a GPU supports it, and for fp32 elsewhere."""
    supported = torch.cuda.is_available() and torch.cuda.is_bf16_supported(
        including_emulation=False
    )
    return "bf16-mixed" if supported else "32-true"


def shot_copies(shots: int | str) -> int:
    """How often an epoch shows each picture: 8, 4, 2, 1 times for 1, 3, 5, 10 shots (official)."""
    if not isinstance(shots, int):
        return 1  # "full", or a value that FewShot will refuse
    return next((copies for most, copies in ((2, 8), (4, 4), (9, 2)) if shots <= most), 1)


def by_shots(shots: int | str, few: float, full: float) -> float:
    """`full` if all pictures are used, else `few`."""
    return full if shots == "full" else few


def given_or(value: int | None, otherwise: int) -> int:
    """A setting, or its default where it is null."""
    return otherwise if value is None else value


def above_zero(share: float) -> bool:
    """Whether a share of something is used at all."""
    return share > 0


def is_released(shots: int | str, seed: int | None) -> bool:
    """Whether the authors of ODinW have published the pictures of this draw."""
    return shots in (1, 3, 5, 10) and seed in (3, 30, 300)


def released_shots(annotations: str, split: str, shots: int | str, seed: int | None) -> str:
    """The published file with the few pictures of a draw, which is beside the full one."""
    if not is_released(shots, seed):
        return annotations
    return str(Path(annotations).with_name(f"fewshot_{split}_shot{shots}_seed{seed}.json"))


def shots_to_draw(shots: int | str, seed: int | None) -> int | str:
    """How many pictures to draw from the file of `released_shots`: all of a published draw."""
    return "full" if is_released(shots, seed) else shots


RESOLVERS: dict[str, Callable[..., Any]] = {
    "automatic_precision": automatic_precision,
    "shot_copies": shot_copies,
    "by_shots": by_shots,
    "given_or": given_or,
    "above_zero": above_zero,
    "released_shots": released_shots,
    "shots_to_draw": shots_to_draw,
    "run_name": run_name,
    "home": lambda path: expanded(str(path)),
    "shown_score": lambda: SHOWN_SCORE,
    "stem": lambda file: Path(str(file)).stem,
}
"""Functions by the names under which settings call them: ${name:arguments}."""


def register_resolvers() -> None:
    """Register the functions that settings call; it may be called again."""
    for name, function in RESOLVERS.items():
        OmegaConf.register_new_resolver(name, function, replace=True)


def plain(config: Any) -> Any:
    """Settings as dictionaries and lists, with interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True)


def given_overrides() -> list[str]:
    """The overrides of the running command line, or of this job of a sweep; empty in Python."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def compose_settings(overrides: Sequence[str], name: str = "train") -> DictConfig:
    """The settings of the command `name` with the overrides of a command line."""
    register_resolvers()
    return compose_shipped(name, overrides)


def checkpoint_config(config: DictConfig) -> dict[str, Any]:
    """What a checkpoint keeps of the settings: how to rebuild the model and prepare its input."""
    transform = plain(config.data.eval_transform)
    transform.pop("_target_")
    lora = config.tuning.get("lora")
    return {
        "lora_scale": None if lora is None else lora.alpha / lora.rank,
        "model": without_weights(plain(config.model)),
        "eval_transform": transform,
        "tokenizer": config.tokenizer.source,
    }
