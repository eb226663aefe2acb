"""Lightning's trainer, with a setting for the products that are computed in float32."""

import inspect
import typing
import warnings
from typing import Any, Literal

import pytorch_lightning as pl
import torch

# Its successor (conf/trainer/ddp.yaml) exists in the newest PyTorch only.
warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated")
# Lightning 2.6 asks PyTorch 2.15 in the old way what a leaf of nested data is; both still work.
warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")

Precision = Literal["highest", "high", "medium"]
"""PyTorch's names: float32, TensorFloat-32, bfloat16 (on GPUs that have them)."""


def trainer(matmul_precision: Precision | None = None, **settings: Any) -> pl.Trainer:
    """Lightning's Trainer of its `settings`, after products of float32 got their precision.

    By default that is "high" where `precision` is mixed, so that most products are coarser anyway,
    and else "highest", with which the published figures were measured.
    """
    mixed = "mixed" in str(settings.get("precision"))
    torch.set_float32_matmul_precision(matmul_precision or ("high" if mixed else "highest"))
    return pl.Trainer(**settings)


def _declare_arguments() -> None:
    """Let the check of settings see the arguments of Lightning's Trainer beside our own."""
    own = inspect.signature(trainer).parameters["matmul_precision"]
    lightning = inspect.signature(pl.Trainer).parameters
    arguments = [*lightning.values(), own.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
    trainer.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]  # inspect reads it
    hints = typing.get_type_hints(pl.Trainer.__init__) | typing.get_type_hints(trainer)
    trainer.__annotations__ = {name: hint for name, hint in hints.items() if name != "settings"}


_declare_arguments()
