"""Shards a model's parameters, gradients and optimizer state over all processes (FSDP2).

Checkpoints are whole: the first process gathers all parts and writes an ordinary file, which loads
with any number of processes and without sharding.
"""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import torch
import torch.distributed as dist
from pytorch_lightning.strategies import ModelParallelStrategy, Strategy
from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from glip_pl.errors import UserError
from glip_pl.models.fusion import DeepFusion
from glip_pl.models.glip import GLIP

# Nothing changes the output of a layer or of a part of the model in place.
warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")

PER_PARAMETER = "param_dtype_override_fn"
"""Option of FSDP2, new in PyTorch 2.15, by which the vectors of a layer stay in float32."""


def is_available() -> bool:
    """Whether this PyTorch distinguishes the parameters of one layer."""
    return PER_PARAMETER in {one.name for one in fields(MixedPrecisionPolicy)}


def shard(model: GLIP, mesh: DeviceMesh, low: torch.dtype | None) -> None:
    """Let each process of a mesh (processes,) keep its part of every parameter, in float32.

    Layers and the parts around them are gathered one at a time, when they compute. Where `low` is
    a type, matrices of the encoders and of the fusions are gathered in it: they are its operands
    under autocast. All else is gathered in float32: vectors such as norms, the dynamic
    convolutions with their positions, and the head. Gradients are averaged in float32.
    All processes get the weights of the first one. Does nothing if the model is sharded already.
    """
    if is_sharded(model):
        return
    _share(model, mesh)
    policy, rounded = precision_policy(model, low), set(layers(model))
    for part in units(model):
        chosen = policy if part in rounded else MixedPrecisionPolicy()
        fully_shard(part, mesh=mesh, reshard_after_forward=True, mp_policy=chosen)


def layers(model: GLIP) -> list[nn.Module]:
    """The blocks of a Swin, the layers of the text encoder and the fusions."""
    blocks = [
        part for part in model.image_encoder.modules() if isinstance(part, SwinTransformerBlock)
    ]
    text = [part for part in model.text_encoder.modules() if isinstance(part, nn.ModuleList)]
    fusions = [part for part in model.fusions if isinstance(part, DeepFusion)]
    return [*blocks, *(layer for stack in text for layer in stack), *fusions]


def units(model: GLIP) -> list[nn.Module]:
    """The modules whose parameters are gathered together, inner ones first.

    They hold all parameters, and each computes when it is called as a function: so do the methods
    of the model that evaluation calls one by one, and none needs a parameter of the model itself.
    """
    parts = [model.image_encoder, model.text_encoder, model.fpn, *model.prompts]
    parts += [*model.dynamic_convs, model.head]
    return [*layers(model), *(part for part in parts if any(True for _ in part.parameters()))]


def precision_policy(model: nn.Module, low: torch.dtype | None) -> MixedPrecisionPolicy:
    """How layers are gathered: matrices of linear layers in `low`, all else as it is kept.

    Inputs and outputs have the types that autocast gives them.
    """
    matrices = {part.weight for part in model.modules() if isinstance(part, nn.Linear)}
    return MixedPrecisionPolicy(
        param_dtype=low,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,
        param_dtype_override_fn=lambda one: None if one in matrices else one.dtype,
    )


def is_sharded(model: nn.Module) -> bool:
    """Whether the parameters of a model are sharded."""
    return any(isinstance(part, FSDPModule) for part in model.modules())


def whole(tensor: Tensor) -> Tensor:
    """The tensor itself, or all of one that is sharded; all processes must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _share(model: nn.Module, mesh: DeviceMesh) -> None:
    """Give all processes the weights of the first one: their random ones may differ."""
    with torch.no_grad():
        for weights in model.parameters():
            moved = weights.detach().to(mesh.device_type).contiguous()
            dist.broadcast(moved, group=mesh.get_group(), group_src=0)
            weights.copy_(moved)


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    """A process's part of a whole tensor, cut as a parameter is if that is sharded."""
    if not isinstance(parameter, DTensor) or value.shape != parameter.shape:
        return value
    mesh = parameter.device_mesh
    # Every process has read the whole tensor: none has to send it to the others.
    return distribute_tensor(
        value.to(mesh.device_type), mesh, parameter.placements, src_data_rank=None
    )


def _on_cpu(value: Any, kept: bool) -> Any:
    """A value of a state, gathered if it is sharded; of tensors nothing where they are not kept."""
    if not isinstance(value, Tensor):
        return value
    gathered = whole(value.detach())
    return gathered.cpu() if kept else gathered.new_empty(0)


class ShardedStrategy(ModelParallelStrategy):
    """FSDP2 over all processes of all machines, with whole checkpoints.

    Lightning's own way to save writes a folder, or a file whose optimizer has taken a step more.
    """

    def __init__(self) -> None:
        """Raises UserError if PyTorch is too old to distinguish parameters of one layer."""
        if not is_available():
            raise UserError(
                f"trainer=fsdp needs PyTorch 2.15, and this is {torch.__version__}: update it, or "
                "use trainer=ddp"
            )
        super().__init__(save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        """Meet the other processes; parameters are sharded over all of them."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        self._tensor_parallel_size = 1
        super().setup_environment()

    @property
    def lightning_restore_optimizer(self) -> bool:
        """Lightning asks for the optimizer's state to be restored, as for other strategies."""
        return True

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The whole weights, in the first process; nothing in the others, which help gather."""
        assert self.lightning_module is not None
        state = self.lightning_module.state_dict()
        gathered = {name: _on_cpu(value, self.is_global_zero) for name, value in state.items()}
        return gathered if self.is_global_zero else {}

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """The whole state of an optimizer, in the first process; nothing in the others."""
        state = optimizer.state_dict()
        gathered = {
            number: {name: _on_cpu(value, self.is_global_zero) for name, value in entries.items()}
            for number, entries in state["state"].items()
        }
        return {**state, "state": gathered} if self.is_global_zero else {}

    def load_checkpoint(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Read a checkpoint, in every process."""
        return Strategy.load_checkpoint(self, *arguments, **options)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Set the weights of this process to its part of whole ones."""
        assert self.lightning_module is not None
        own = self.lightning_module.state_dict()
        given: Mapping[str, Tensor] = checkpoint["state_dict"]
        parts = {
            name: _like(value, own[name]) if name in own else value for name, value in given.items()
        }
        self.lightning_module.load_state_dict(parts, strict=strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Set the state of the optimizers to this process's part of whole ones."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            optimizer.load_state_dict(_cut(state, optimizer))


def _cut(state: Mapping[str, Any], optimizer: Optimizer) -> dict[str, Any]:
    """This process's part of the whole state of an optimizer."""
    numbers = _members(state["param_groups"])
    parameters = dict(zip(numbers, _members(optimizer.param_groups), strict=False))
    entries = {
        number: {name: _like(value, parameters[number]) for name, value in values.items()}
        for number, values in state["state"].items()
    }
    return {**state, "state": entries}


def _members(groups: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The parameters of all groups of an optimizer, or their numbers in a state."""
    return [one for group in groups for one in group["params"]]
