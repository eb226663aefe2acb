"""How much faster this package's forms of four layers are: `python -m scripts.bench_layers`.

Both forms of a layer alternate on the same inputs; medians and their ratio are printed.
"""

import time
from collections.abc import Callable
from statistics import median

import torch
import torch.nn.functional as F
from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor
from torchvision.ops import deform_conv2d

from glip_pl.models import swin
from glip_pl.models.bi_attention import BiAttention
from glip_pl.models.deform_conv import gather_convolution
from glip_pl.models.pointwise import pointwise
from tests.models.test_bi_attention import plain_attention

ROUNDS = 7


def compare(name: str, ours: Callable[[], Tensor], other: Callable[[], Tensor]) -> None:
    """Time both forms, forward and backward; print medians in milliseconds and their ratio."""
    times: dict[str, list[float]] = {}
    for _ in range(ROUNDS + 1):
        for side, function in (("ours", ours), ("other", other)):
            start = time.perf_counter()
            loss = function()
            middle = time.perf_counter()
            loss.backward()
            end = time.perf_counter()
            times.setdefault(f"{side} forward", []).append(middle - start)
            times.setdefault(f"{side} backward", []).append(end - middle)
    for step in ("forward", "backward"):
        here, there = (median(times[f"{side} {step}"][1:]) * 1e3 for side in ("ours", "other"))
        print(f"{name:42s} {step:9s} {here:8.1f} ms  {there:8.1f} ms  ratio {there / here:5.1f}")


def fusion(words: int, pixels: int) -> None:
    """Attention with projected text against the paper's equations as written (GLIP-T's sizes)."""
    layer = BiAttention(256, 768, 2048, heads=8, dropout=0.0)
    image = torch.randn(1, pixels, 256, requires_grad=True)
    text = torch.randn(1, words, 768, requires_grad=True)
    mask = torch.ones(1, words, dtype=torch.bool)

    def run(form: Callable[..., tuple[Tensor, Tensor]]) -> Tensor:
        first, second = form(image, text, mask)
        return first.square().mean() + second.square().mean()

    compare(
        f"fusion, {words} words, {pixels} pixels",
        lambda: run(layer),
        lambda: run(lambda *inputs: plain_attention(layer, *inputs)),
    )


def deformable(batch: int, channels: int, side: int) -> None:
    """Deformable convolution as gathered rows against torchvision's CPU kernel."""
    features = torch.randn(batch, channels, side, side, requires_grad=True)
    offsets = torch.randn(batch, 18, side, side, requires_grad=True)
    masks = torch.rand(batch, 9, side, side, requires_grad=True)
    weight = torch.randn(channels, channels, 3, 3, requires_grad=True)
    bias = torch.zeros(channels, requires_grad=True)
    compare(
        f"deformable convolution, {batch}x{channels}x{side}x{side}",
        lambda: gather_convolution(features, offsets, masks, weight, bias, 1).square().mean(),
        lambda: (
            deform_conv2d(features, offsets, weight, bias, padding=1, mask=masks).square().mean()
        ),
    )


def product(rows: int, inputs: int, outputs: int) -> None:
    """A linear layer as oneDNN's 1x1 convolution against PyTorch's own form."""
    features = torch.randn(rows, inputs, requires_grad=True)
    weight = torch.randn(outputs, inputs, requires_grad=True)
    bias = torch.zeros(outputs, requires_grad=True)
    compare(
        f"linear layer, {rows} x {inputs} to {outputs}",
        lambda: pointwise(features, weight, bias).square().mean(),
        lambda: F.linear(features, weight, bias).square().mean(),
    )


def swin_stage(height: int, width: int) -> None:
    """Two Swin-T blocks of the first stage, some windows at a time against the whole map."""
    blocks = torch.nn.Sequential(
        *(
            SwinTransformerBlock(
                dim=96,
                input_resolution=(height, width),
                num_heads=3,
                window_size=7,
                shift_size=shift,
                always_partition=True,
                dynamic_mask=True,
            )
            for shift in (0, 3)
        )
    )
    swin.adapt(blocks)
    blocks.eval().requires_grad_(False)
    features = torch.randn(1, height, width, 96)
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS + 1):
        for whole in times:  # with gradients enabled, the blocks take the whole map
            start = time.perf_counter()
            with torch.set_grad_enabled(whole):
                blocks(features)
            times[whole].append(time.perf_counter() - start)
    ours, other = (median(seconds[1:]) * 1e3 for seconds in times.values())
    name = f"two Swin blocks, {height} x {width} x 96"
    print(f"{name:42s} inference {ours:8.1f} ms  {other:8.1f} ms  ratio {other / ours:5.1f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    print(f"{torch.get_num_threads()} CPU threads, torch {torch.__version__}; ours, other, ratio")
    fusion(words=20, pixels=5000)
    fusion(words=195, pixels=5000)
    deformable(8, 96, 20)
    deformable(1, 256, 64)
    product(5456, 256, 1552)
    product(4096, 2304, 256)
    product(16384, 96, 384)
    swin_stage(200, 304)
