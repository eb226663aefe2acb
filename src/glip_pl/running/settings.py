"""Where the settings lie, how to read them from Python, and what a checkpoint keeps of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from glip_pl.checkpoints.recipes import without_weights
from glip_pl.files.shipped_settings import compose_shipped
from glip_pl.types import SHOWN_SCORE


def automatic_precision() -> str:
    """Lightning's name for bf16 if a GPU knows it, else for fp32."""
    can = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if can else "32-true"


def shot_copies(shots: int | str) -> int:
    """How often an epoch shows each picture: officially 8, 4, 2, 1 times for 1, 3, 5, 10 shots."""
    if not isinstance(shots, int):
        return 1  # all pictures, or what FewShot will refuse
    return next((copies for most, copies in ((2, 8), (4, 4), (9, 2)) if shots <= most), 1)


def by_shots(shots: int | str, few: float, full: float) -> float:
    """One value for few pictures, another for all."""
    return full if shots == "full" else few


def given_or(value: int | None, otherwise: int) -> int:
    """A setting, or what counts where it is null."""
    return otherwise if value is None else value


def is_released(shots: int | str, seed: int | None) -> bool:
    """Whether ODinW's authors have drawn these few pictures and published them."""
    return shots in (1, 3, 5, 10) and seed in (3, 30, 300)


def released_shots(annotations: str, split: str, shots: int | str, seed: int | None) -> str:
    """The published file of a few pictures of a split, beside the file of all of them."""
    if not is_released(shots, seed):
        return annotations
    return str(Path(annotations).with_name(f"fewshot_{split}_shot{shots}_seed{seed}.json"))


def shots_to_draw(shots: int | str, seed: int | None) -> int | str:
    """What is left to draw after `released_shots`."""
    return "full" if is_released(shots, seed) else shots


def register_resolvers() -> None:
    """Make the functions known that settings call; harmless to repeat."""
    OmegaConf.register_new_resolver("automatic_precision", automatic_precision, replace=True)
    OmegaConf.register_new_resolver("shot_copies", shot_copies, replace=True)
    OmegaConf.register_new_resolver("by_shots", by_shots, replace=True)
    OmegaConf.register_new_resolver("given_or", given_or, replace=True)
    OmegaConf.register_new_resolver("released_shots", released_shots, replace=True)
    OmegaConf.register_new_resolver("shots_to_draw", shots_to_draw, replace=True)
    OmegaConf.register_new_resolver("shown_score", lambda: SHOWN_SCORE, replace=True)
    OmegaConf.register_new_resolver("stem", lambda file: Path(str(file)).stem, replace=True)


def plain(config: Any) -> Any:
    """Settings as dictionaries and lists, interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True)


def given_overrides() -> list[str]:
    """The words of the command line that runs, of a sweep those of this job; none in Python."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def compose_settings(overrides: Sequence[str], name: str = "train") -> DictConfig:
    """The settings of a command, as its command line with these overrides would have them."""
    register_resolvers()
    return compose_shipped(name, overrides)


def checkpoint_config(config: DictConfig) -> dict[str, Any]:
    """What a checkpoint keeps of the settings: enough to rebuild the model and feed it."""
    transform = plain(config.data.eval_transform)
    transform.pop("_target_")
    lora = config.tuning.get("lora")
    return {
        "lora_scale": None if lora is None else lora.alpha / lora.rank,
        "model": without_weights(plain(config.model)),
        "eval_transform": transform,
        "tokenizer": config.tokenizer.source,
    }
