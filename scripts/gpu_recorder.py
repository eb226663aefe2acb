"""Records what a GPU would be asked to do, from tensors without storage and without a GPU.

Every operation that PyTorch would send to the device counts as one kernel, with the bytes of its
inputs and outputs and the multiplications of its products. What the device really does may differ
(one operation may be two kernels); the figures are for comparison of one form with another.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from glip_pl.training.cuda_arithmetic import cuda_arithmetic

NO_KERNEL = frozenset(
    name
    for names in (
        "alias detach device is_same_size lift_fresh resize_ set_ _unsafe_view",
        "empty empty_like empty_permuted empty_strided new_empty new_empty_strided",
        "promote_types _record_function_enter_new _record_function_exit",
        "sym_numel sym_size sym_storage_offset sym_stride",
    )
    for name in names.split()
)
"""Operations that only describe memory."""

SYNCS = frozenset(("_local_scalar_dense", "nonzero"))
"""Operations whose result the host waits for."""

CASTS = frozenset(("_to_copy", "to"))

LAUNCHES = {"bi_attention": 2, "bi_attention_backward": 8}
"""Kernels of operations that launch several (models/kernels)."""

POSITIVES = 512
"""Assumed results of an operation whose number of results depends on the data."""

Flops = Callable[..., int]


@dataclass
class Counts:
    """What a device would be asked to do, by phase of a training step where that matters."""

    kernels: Counter[str] = field(default_factory=Counter)
    by_name: Counter[str] = field(default_factory=Counter)
    casts: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    bytes_by_name: Counter[str] = field(default_factory=Counter)
    flops: Counter[tuple[str, str]] = field(default_factory=Counter)  # (phase, dtype)
    float32_products: Counter[str] = field(default_factory=Counter)  # FLOP by place
    syncs: Counter[str] = field(default_factory=Counter)  # by place
    largest: Counter[tuple[str, str]] = field(default_factory=Counter)  # elements by (name, place)
    places: Counter[str] = field(default_factory=Counter)  # kernels of the forward pass by file


class Recorder(TorchDispatchMode):
    """Counts the operations on tensors without storage; `phase` names the part of the step."""

    def __init__(self, large: int = 1 << 27) -> None:
        """Tensors of `large` elements and more are listed in `counts.largest`."""
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch has no types here
        self.counts = Counts()
        self.phase = "forward"
        self.large = large

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.split("::")[1]
        if name == "lift_fresh":  # `torch.tensor(...)`: on a GPU, a copy that the host waits for
            self.counts.syncs[f"{self.phase} {name} {place()}"] += 1
        if name in SYNCS:
            return self._waited_for(name, args[0])
        if name in ("index", "index_put", "index_put_"):
            args = (args[0], [self._positions(index) for index in args[1]], *args[2:])
            args = (args[0], [index for group in args[1] for index in group], *args[2:])
        out = func(*args, **kwargs)
        if not func.is_view and name not in NO_KERNEL:
            self._count(func, name, args, kwargs, out)
        return out

    def _waited_for(self, name: str, tensor: Tensor) -> Any:
        """A result that the host waits for."""
        if self.phase != "optimizer":  # whose scalars stay on the host
            self.counts.syncs[f"{self.phase} {name} {place()}"] += 1
        if name == "nonzero":
            self.counts.kernels[self.phase] += 3
            return torch.empty(POSITIVES, tensor.dim(), dtype=torch.int64, device=tensor.device)
        return False if tensor.dtype == torch.bool else tensor.dtype.is_floating_point + 0.0

    def _positions(self, index: Any) -> list[Any]:
        """The positions that an index by a mask stands for: the host waits for their number."""
        if not isinstance(index, Tensor) or index.dtype != torch.bool:
            return [index]
        rows = self._waited_for("nonzero", index)
        return [rows[:, column] for column in range(index.dim())]

    def _count(
        self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> None:
        counts = self.counts
        results = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        size = sum(tensor.numel() * tensor.element_size() for tensor in inputs + results)
        counts.kernels[self.phase] += launches_of(name, args)
        counts.by_name[name] += 1
        counts.casts[self.phase] += name in CASTS
        counts.bytes[self.phase] += size
        counts.bytes_by_name[name] += size
        if self.phase != "backward":
            counts.places[place().split(":")[0]] += 1
        biggest = max((tensor.numel() for tensor in results), default=0)
        if biggest >= self.large:
            counts.largest[name, place()] = max(counts.largest[name, place()], biggest)
        flops = flops_of(func, args, kwargs, out)
        if flops:
            dtype = str(inputs[0].dtype).removeprefix("torch.")
            counts.flops[self.phase, dtype] += flops
            if dtype == "float32":
                counts.float32_products[f"{self.phase} {name} {place()}"] += flops


def launches_of(name: str, args: tuple[Any, ...]) -> int:
    """Kernels of an operation (models/kernels)."""
    if name == "deform_conv":  # one for each map, and the cast of the weights
        return len(args[0]) + 1
    if name == "deform_conv_backward":  # two for each map; two buffers of zeros and two casts
        return 2 * len(args[0]) + 4
    if name in ("mix", "mix_backward"):
        return len(args[-1]) + 2 * (name == "mix_backward")
    return LAUNCHES.get(name, 1)


def flops_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int:
    """Floating-point operations of a matrix product, a convolution or an attention; else 0."""
    counter: Flops | None = flop_registry.get(func._overloadpacket)
    if counter is not None:
        return int(counter(*args, **kwargs, out_val=out))
    name = func._schema.name
    if name == "glip_pl::deform_conv":
        return sum(2 * int(one.numel()) for one in out) * int(args[2][0, ..., 0].numel())
    if name == "glip_pl::deform_conv_backward":
        return sum(4 * int(one.numel()) for one in args[3]) * int(args[2][0, ..., 0].numel())
    if name == "torchvision::deform_conv2d":
        return 2 * int(out.numel()) * int(args[1][0].numel())
    if name in ("glip_pl::bi_attention", "glip_pl::bi_attention_backward"):
        pixels, keys = args[:2] if name.endswith("attention") else args[0][:2]
        products = 4 if name.endswith("attention") else 12  # each direction, logits made again
        return 2 * products * int(keys.numel()) * int(pixels.shape[1])
    if name in ("counting::attention", "counting::attention_backward"):
        query, key = args[0], args[1]
        products = 2 if name.endswith("attention") else 5
        return 2 * products * int(query.numel()) * int(key.shape[-2])
    if name == "torchvision::_deform_conv2d_backward":
        return 4 * int(args[0].numel()) * int(args[2][0].numel())
    return 0


def place() -> str:
    """The line of the model, of the loss or of one of their libraries that is being executed."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_code.co_filename
        for folder in ("/glip_pl/", "/timm/", "/transformers/"):
            if folder in name and not name.endswith("/cuda_arithmetic.py"):
                return f"{name.rsplit(folder, 1)[1]}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"


@contextmanager
def recording(precision: str, recorder: Recorder) -> Iterator[Recorder]:
    """Counts what is executed inside, in the arithmetic of a GPU at this precision."""
    with recorder, cuda_arithmetic(precision == "bf16"):
        yield recorder


def backward(total: Tensor) -> None:
    """`total.backward()`, in which what is computed again follows CUDA's policy too.

    The public function leaves the policy's mode while it runs.
    """
    torch.autograd.graph._engine_run_backward(
        (total,),
        (torch.ones_like(total),),
        False,
        False,
        (),
        allow_unreachable=True,
        accumulate_grad=True,
    )
