"""Compiles the blocks that repeat in a model, each kind once."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from timm.models.swin_transformer import SwinTransformerBlock
from torch import nn

from glip_pl.models.dynamic_head import DynamicConv
from glip_pl.models.fusion import CrossAttention, TextLayer

KINDS = (SwinTransformerBlock, DynamicConv, CrossAttention, TextLayer)
"""Blocks whose shapes, apart from sizes of maps and prompts, hardly differ."""


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    """The blocks of a model that are compiled, in the order of the model."""
    return (module for module in model.modules() if isinstance(module, KINDS))


def compile_blocks(model: nn.Module, backend: str | Callable[..., Any] = "inductor") -> None:
    """Compile the blocks of a model where they are, for maps and prompts of any size.

    Names of parameters stay the same. Sizes are symbols from the start, so that a new size of a
    map or of a prompt compiles nothing; what Python decides from them must not change.
    """
    found = list(blocks(model))
    # All blocks of a class count together towards this limit, at which an error is raised.
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, 2 * len(found))
    for block in found:
        block.compile(backend=backend, dynamic=True, fullgraph=True)
