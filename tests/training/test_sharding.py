"""Sharded models in two processes, beside the same models in one piece; what they cannot do."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from glip_pl.errors import UserError
from glip_pl.models.fusion import DeepFusion, NoFusion
from glip_pl.models.glip import GLIP
from glip_pl.models.image_encoder import ImageEncoder
from glip_pl.models.text_encoder import TextEncoder
from glip_pl.running.build import build_data
from glip_pl.running.resolved_settings import process_count
from glip_pl.running.setting_checks import SHARDED
from glip_pl.training import sharding
from glip_pl.training.optimizer import GroupedAdamW
from glip_pl.training.sharding import shard, whole
from glip_pl.types import Output
from tests.conftest import Compose
from tests.training.processes import together

STEPS = 3
"""Optimizer steps that are compared."""

SWIN: dict[str, Any] = {
    "window_size": 4,
    "embed_dim": 16,
    "depths": (1, 1, 2, 1),
    "num_heads": (1, 1, 2, 2),
    "strict_img_size": False,
}
"""A Swin small enough for a test."""


def small_model(text_folder: Path, fused: bool = True) -> GLIP:
    """A model with a Swin, a BERT of one layer and two fusions, if it has any."""
    fusion = partial(DeepFusion, inner_dim=8, heads=2, text_heads=2, dropout=0.0)
    return GLIP(
        ImageEncoder("swin_tiny_patch4_window7_224", (1, 2, 3), (120.0,) * 3, (57.0,) * 3, **SWIN),
        TextEncoder(str(text_folder), pretrained=False),
        fusion if fused else NoFusion,
        layers=2,
        channels=32,
    )


def inputs(seed: int) -> tuple[Tensor, ...]:
    """Two images and prompts."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8, generator=generator)
    tokens = torch.randint(5, 11, (2, 6), generator=generator)
    return images, torch.tensor([[64, 96], [64, 80]]), tokens, tokens > 5


def loss_of(output: Output) -> Tensor:
    """Any loss that depends on all outputs."""
    return (
        output.alignment.sigmoid().mean()
        + output.deltas.square().mean()
        + (output.centerness.sigmoid().mean())
    )


def trained(model: GLIP, low: torch.dtype | None, average: bool) -> list[float]:
    """The joint losses of some steps, whose gradients are averaged here if asked to."""
    optimizer = GroupedAdamW(lr=1e-3, text_lr=1e-3)(model)
    losses = []
    for step in range(STEPS):
        with autocast(low):
            loss = loss_of(model(*inputs(10 * step + dist.get_rank())))
        optimizer.zero_grad()
        loss.backward()
        gradients = [one.grad for one in model.parameters() if one.grad is not None]
        for gradient in gradients if average else []:
            dist.all_reduce(gradient.div_(dist.get_world_size()))
        norm = whole(get_total_norm(gradients))
        clip_grads_with_norm_(model.parameters(), 1.0, norm)
        # As training/module.py does.
        setattr(optimizer, "found_inf", (~norm.isfinite()).float())  # noqa: B010  # torch declares no such attribute
        optimizer.step()
        joint = loss.detach() / dist.get_world_size()
        dist.all_reduce(joint)
        losses.append(float(joint))
    return losses


def autocast(low: torch.dtype | None) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=low is not None)


def types_of(model: GLIP, low: torch.dtype | None) -> dict[str, torch.dtype]:
    """Types of the parameters with which the modules compute that are gathered one by one."""
    found: dict[str, torch.dtype] = {}

    def note(prefix: str, module: nn.Module, _: Any) -> None:
        own = {f"{prefix}.{name}": weights for name, weights in module.named_parameters()}
        found.update({name: one.dtype for name, one in own.items() if not isinstance(one, DTensor)})

    hooks = [
        part.register_forward_pre_hook(partial(note, name))
        for name, part in model.named_modules()
        if FSDPModule in type(part).__mro__
    ]
    with torch.no_grad(), autocast(low):
        images, sizes, tokens, mask = inputs(0)
        model.ground(model.encode_image(images, sizes), model.encode_text(tokens, mask))
    for hook in hooks:
        hook.remove()
    return found


def compared(folder: Path, low: torch.dtype | None, fused: bool) -> dict[str, Any]:
    """What one of two processes finds in a model that is trained whole, and sharded."""
    torch.manual_seed(0)
    plain = small_model(folder, fused).eval()
    torch.manual_seed(dist.get_rank())  # others: the weights of the first process count
    sharded = small_model(folder, fused).eval()
    if dist.get_rank() == 0:
        sharded.load_state_dict(plain.state_dict())
    shard(sharded, init_device_mesh("cpu", (2,)), low)
    shard(sharded, init_device_mesh("cpu", (2,)), low)  # nothing changes
    own = sum(one.to_local().numel() for one in sharded.parameters() if isinstance(one, DTensor))
    found: dict[str, Any] = {
        "share": own / sum(one.numel() for one in sharded.parameters()),
        "types": types_of(sharded, low),
        "losses": (trained(plain, low, True), trained(sharded, low, False)),
        "buffers": {value.dtype for value in sharded.buffers() if value.is_floating_point()},
    }
    moved = {name: whole(value) for name, value in sharded.state_dict().items()}
    found["distance"] = max(
        float((value.float() - moved[name].float()).abs().max())
        for name, value in plain.state_dict().items()
    )
    with torch.no_grad(), autocast(low):
        images, sizes, tokens, mask = inputs(0)
        levels = sharded.encode_image(images, sizes)
        text = sharded.encode_text(tokens, mask)
        apart = sharded.ground(levels, text)
        plain.load_state_dict(moved)
        at_once = plain(*inputs(0))
        found["evaluated"] = float((apart.alignment - at_once.alignment).abs().max())
        if not fused:
            head = sharded.head(sharded.refine(levels), text)
            found["evaluated"] += float((head.deltas - at_once.deltas).abs().max())
    return found


needs_fsdp = pytest.mark.skipif(
    not sharding.is_available(), reason="trainer=fsdp needs PyTorch 2.15"
)


@needs_fsdp
@pytest.mark.parametrize(
    ("low", "fused"),
    [
        (torch.bfloat16, True),
        pytest.param(None, True, marks=pytest.mark.slow),
        pytest.param(torch.bfloat16, False, marks=pytest.mark.slow),
    ],
)
def test_a_sharded_model_computes_what_a_whole_one_does(
    low: torch.dtype | None, fused: bool, tiny_text: Path, tmp_path: Path
) -> None:
    found = together(compared, tmp_path, tiny_text, low, fused)
    for one in found:
        whole_losses, sharded_losses = one["losses"]
        assert sharded_losses == whole_losses
        assert one["distance"] < 1e-6
        assert one["evaluated"] == 0
        assert 0.49 < one["share"] < 0.51
        assert one["buffers"] == {torch.float32}
        rounded = {name for name, kind in one["types"].items() if kind == torch.bfloat16}
        assert {name for name in one["types"] if is_rounded(name)} == rounded or low is None
        assert bool(rounded) == (low is not None)
        assert set(one["types"]) == {
            name for name, _ in small_model(tiny_text, fused).named_parameters()
        }


def is_rounded(name: str) -> bool:
    """Whether a weight is a matrix of a block of Swin, a layer of BERT or a fusion."""
    in_layer = ".blocks." in name or ".layer." in name or name.startswith("fusions.")
    return in_layer and name.endswith(".weight") and "norm" not in name.lower()


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ([], r"callbacks\.ema=null"),
        (["compile=blocks", "callbacks.ema=null"], "compile=blocks: .* Leave compile out"),
        (["model.padding=own", "callbacks.ema=null"], r"model\.padding=own: .* Use trainer=ddp"),
        (["tuning=prompt", "callbacks.ema=null"], r"model\.prompts=1 .* Use trainer=ddp"),
    ],
)
def test_what_sharded_models_cannot_do_is_refused_at_the_start(
    words: list[str], remedy: str, settings: Compose
) -> None:
    config = settings(["trainer=fsdp", "data.prepare=null", "data.root=/nowhere", *words])
    assert config.trainer.strategy["_target_"] == SHARDED
    with pytest.raises(UserError, match=remedy):
        build_data(config, train=True)
    with pytest.raises(UserError, match="no such file or folder"):
        build_data(config, train=False)  # evaluation has neither


@needs_fsdp
def test_an_older_pytorch_is_refused(monkeypatch: pytest.MonkeyPatch, settings: Compose) -> None:
    trainer = settings(["trainer=fsdp", "trainer.accelerator=cpu", "trainer.devices=1"]).trainer
    assert process_count(trainer) == 1
    monkeypatch.setattr(sharding, "PER_PARAMETER", "absent")
    with pytest.raises(UserError, match=r"trainer=fsdp needs PyTorch 2\.15"):
        process_count(trainer)
