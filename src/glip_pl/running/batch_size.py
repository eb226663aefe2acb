"""Chooses `data.batch_size=auto`: the largest batch whose training step fits the GPU."""

import logging

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from glip_pl.checkpoints.recipes import without_pretrained
from glip_pl.errors import UserError
from glip_pl.running.settings import plain
from glip_pl.training.step_memory import StepMemory, step_memory
from glip_pl.types import MAX_TOKENS

log = logging.getLogger(__name__)

LARGEST = 64
"""The largest batch that is chosen where `data.total_batch` sets no limit."""

PADDED_TO = 32
"""Sides of a batch are multiples of this."""

REMEDY = "set data.batch_size to a number"


def memory_of_gpus() -> float | None:
    """Bytes of the smallest GPU of this machine; None without one."""
    gpus = range(torch.cuda.device_count())
    return min((torch.cuda.get_device_properties(one).total_memory for one in gpus), default=None)


def chosen_batch_size(config: DictConfig, processes: int, memory: float | None) -> int:
    """The largest batch of a process that fits `memory` bytes of a GPU, by an estimate.

    With `data.total_batch` it is a divisor of each process's share. Raises UserError without a GPU,
    without an estimate, or if not even one picture fits.
    """
    if memory is None:
        raise UserError(f"data.batch_size=auto needs the memory of a GPU: {REMEDY}")
    return fitting(step_of(config), memory, processes, config.data.get("total_batch"))


def fitting(step: StepMemory, memory: float, processes: int, total: int | None) -> int:
    """The largest batch whose step fits `memory` bytes, and which divides `total` if that is set.

    Raises UserError if there is none.
    """
    numbers = range(1, (total or LARGEST) + 1)
    sizes = [one for one in numbers if total is None or total % (one * processes) == 0]
    if not sizes:
        raise UserError(
            f"data.total_batch={total} is not a multiple of {processes} processes: train with a "
            "number of processes that divides it, or set data.total_batch=null"
        )
    size = step.largest(memory, sizes)
    if size is None:
        needed = (step.state + step.stored(1)) / 1e9
        raise UserError(
            f"data.batch_size=auto: a step of one picture needs {needed:.1f} GB and more, too much "
            f"for a GPU of {memory / 1e9:.1f} GB. Set model.image_encoder.recompute=true and "
            "model.text_encoder.recompute=true, or smaller pictures (data.train_transform)"
        )
    message = "a step of %d pictures takes about %.1f of %.1f GB (data.batch_size=auto)"
    log.info(message, size, (step.state + step.stored(size)) / 1e9, memory / 1e9)
    return size


def step_of(config: DictConfig) -> StepMemory:
    """The memory of a step of the largest pictures and prompts. Raises UserError without one."""
    precision = config.trainer.get("precision")
    if precision not in ("bf16-mixed", "16-mixed"):
        raise UserError(
            f"data.batch_size=auto with trainer.precision={precision}: only steps in bf16-mixed or "
            f"16-mixed can be estimated; {REMEDY}"
        )
    transform = config.data.get("train_transform") or {}
    sides, longest = transform.get("short_sides"), transform.get("max_side")
    if not sides or not longest:
        raise UserError(
            f"data.batch_size=auto: data.train_transform has no short_sides and max_side; {REMEDY}"
        )
    # A wide and a tall picture in one batch are padded to the long side in both directions.
    short = longest if config.data.get("grouping", "none") == "none" else max(sides)
    height, width = (-(-side // PADDED_TO) * PADDED_TO for side in (short, longest))
    # Without own canvases, whose number depends on sizes: tensors have shapes only.
    model = instantiate({**without_pretrained(plain(config.model)), "padding": "shared"})
    return step_memory(model, height, width, MAX_TOKENS)
