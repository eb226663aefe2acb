"""The memory that a training step needs on a GPU, counted from tensors that have shapes only."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from glip_pl.losses.grounding import GroundingLoss
from glip_pl.losses.targets import targets_of
from glip_pl.models.plain_forms import gpu_forms
from glip_pl.training.cuda_arithmetic import cuda_arithmetic
from glip_pl.types import Batch, Prompt

STATE_BYTES = 16
"""Bytes of a trained parameter: its value, its gradient and AdamW's two averages, in float32."""

SHARE = 0.85
"""What a step may take of a GPU's memory: the rest is temporary results, cache and the context."""


@dataclass(frozen=True)
class StepMemory:
    """Bytes of a step: of parameters with their state, of results of any batch and per picture."""

    state: int
    fixed: int
    each: int

    def stored(self, batch: int) -> int:
        """Bytes of the results that the backward pass of a batch needs."""
        return self.fixed + self.each * batch

    def fits(self, batch: int, memory: float) -> bool:
        """Whether a step of a batch takes SHARE of a GPU's memory, in bytes, at most."""
        return self.state + self.stored(batch) <= SHARE * memory

    def largest(self, memory: float, sizes: Sequence[int]) -> int | None:
        """The largest of some batch sizes that fits a GPU; None if none does."""
        return max((size for size in sizes if self.fits(size, memory)), default=None)


def step_memory(model: nn.Module, height: int, width: int, tokens: int) -> StepMemory:
    """The memory of a step in bf16-mixed for pictures of a padded size; the weights are lost.

    Computed from steps of one and of two pictures. What a step holds for a moment only is left to
    SHARE.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    batches = [_batch(size, height, width, tokens) for size in (1, 2)]
    parameters = list(model.parameters())
    state = sum(one.numel() * (STATE_BYTES if one.requires_grad else 4) for one in parameters)
    with mode, gpu_forms():
        remove_storage(model, mode)
        one, two = (_stored(model.train(), without_storage(batch, mode)) for batch in batches)
    return StepMemory(state, 2 * one - two, two - one)


def _stored(model: nn.Module, batch: Batch) -> int:
    with stored_results(list(model.parameters())) as stored, cuda_arithmetic(bf16=True):
        output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        total = GroundingLoss()(output, batch).total
    del total
    return sum(stored.values())


def _batch(size: int, height: int, width: int, tokens: int) -> Batch:
    """Black pictures with a box each, of the first of `tokens` tokens."""
    batch = Batch(
        images=torch.zeros(size, 3, height, width, dtype=torch.uint8),
        sizes=torch.tensor([[height, width]] * size),
        original_sizes=torch.tensor([[height, width]] * size),
        tokens=torch.zeros(size, tokens, dtype=torch.int64),
        attention_mask=torch.ones(size, tokens, dtype=torch.bool),
        phrase_masks=[torch.arange(tokens)[None] == 0] * size,
        boxes=[torch.tensor([[0.0, 0.0, width / 2, height / 2]])] * size,
        phrase_ids=[torch.zeros(1, dtype=torch.int64)] * size,
        prompts=[Prompt("", ())] * size,
        image_ids=list(range(size)),
    )
    return replace(batch, targets=targets_of(batch))


def without_storage(value: Any, mode: FakeTensorMode) -> Any:
    """A batch, or a part of one, whose tensors have shapes only."""
    if isinstance(value, Tensor):
        return mode.from_tensor(value)
    if isinstance(value, list):
        return [without_storage(item, mode) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        parts = {name: without_storage(part, mode) for name, part in vars(value).items()}
        return replace(value, **parts)
    return value


def remove_storage(model: nn.Module, mode: FakeTensorMode) -> None:
    """Replace all parameters and buffers of a model by tensors that have shapes only."""
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                fake = mode.from_tensor(parameter.detach())
                module._parameters[name] = nn.Parameter(fake, parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = mode.from_tensor(buffer)


@contextmanager
def stored_results(parameters: Sequence[Tensor]) -> Iterator[dict[int, int]]:
    """Collects, by storage, bytes of what is stored for a backward pass without the parameters."""
    stored: dict[int, int] = {}
    own = {parameter.untyped_storage()._cdata for parameter in parameters}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            stored[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield stored
