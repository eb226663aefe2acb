"""Time, memory and share of the peak of training steps on a GPU, and a trace of one.

    python -m scripts.gpu_steps --model glip_t --out steps.json

Random weights and images of 800 x 1344 pixels with 256 tokens. Every line is a precision, eager or
compiled, and a batch size: the median time of a step, images a second, the peak of the memory, and
the share of the card's published dense peak in bf16, with the multiplications that
`scripts.gpu_budget` counts. What does not fit into memory, or fails, is a line that says so. For
bf16 and the first batch size that fits, a step is run in which PyTorch raises an error where the
host waits for the GPU, and a trace is written beside the file.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from glip_pl.losses.grounding import GroundingLoss
from glip_pl.losses.targets import targets_of
from glip_pl.models.compiling import compile_blocks
from glip_pl.models.glip import GLIP
from glip_pl.training.optimizer import GroupedAdamW
from scripts.benchmarking import random_model, seconds_of
from scripts.gpu_budget import Shape, batch_of, measure

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L4": 121e12, "4090": 165e12}
"""Published dense bf16 multiplications and additions a second, by a part of the card's name."""

PRECISIONS = ("fp32", "tf32", "bf16")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="glip_t")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--width", type=int, default=1344)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--batches", type=int, nargs="*", default=[4, 1, 2, 8, 16])
    parser.add_argument("--precisions", nargs="*", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=120, help="no case begins after these")
    parser.add_argument("--out", type=Path, default=Path("gpu_steps.json"))
    return parser.parse_args()


def training_step(model: GLIP, shape: Shape, precision: str, device: str) -> Callable[[], None]:
    """A function that does one training step on a random batch of this shape."""
    batch = batch_of(shape)
    batch = replace(batch, targets=targets_of(batch)).to(device)
    optimizer, loss = GroupedAdamW()(model), GroundingLoss()
    bf16 = precision == "bf16"

    def step() -> None:
        torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
        with torch.autocast(device, torch.bfloat16) if bf16 else nullcontext():
            output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
            total = loss(output, batch).total
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()

    return step


def line(
    options: argparse.Namespace, precision: str, compile_parts: bool, batch: int
) -> dict[str, Any]:
    """The figures of one case, or why there are none."""
    shape = Shape(batch, options.height, options.width, options.tokens)
    case = {"precision": precision, "compiled": compile_parts, "batch": batch}
    on_gpu = options.device == "cuda"
    try:
        model = random_model(options.model, options.device).train()
        if compile_parts:
            compile_blocks(model)
        step = training_step(model, shape, precision, options.device)
        warm_up = seconds_of(step)
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        seconds = median(seconds_of(step) for _ in range(options.steps))
        figures: dict[str, Any] = {
            "seconds": seconds, "images_per_second": batch / seconds, "first_step": warm_up,
            "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if on_gpu else None,
        }  # fmt: skip
        if on_gpu and precision == "bf16" and not compile_parts:
            figures["host_waits"] = waits(step)
        return case | figures
    except (RuntimeError, AssertionError) as error:  # also where memory does not suffice
        return case | {"error": f"{type(error).__name__}: {str(error)[:400]}"}
    finally:
        if on_gpu:
            torch.cuda.empty_cache()


def waits(step: Callable[[], None]) -> str:
    """ "none", or the first place where the host waits for the GPU in a step."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    except RuntimeError as error:
        return str(error)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "none"


def trace(options: argparse.Namespace, batch: int, file: Path) -> str:
    """Write the trace of a step; returns the table of its longest kernels."""
    shape = Shape(batch, options.height, options.width, options.tokens)
    model = random_model(options.model, options.device).train()
    step = training_step(model, shape, "bf16", options.device)
    step()
    on_gpu = options.device == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as recorded:
        step()
    recorded.export_chrome_trace(str(file))
    order = "self_cuda_time_total" if on_gpu else "self_cpu_time_total"
    return str(recorded.key_averages().table(sort_by=order, row_limit=40))


def cases(options: argparse.Namespace) -> Iterator[tuple[str, bool, int]]:
    """Precision, compiled or not, and batch size; the most important first."""
    for batch, compile_parts in product(options.batches, (False, True)):
        for precision in reversed(options.precisions):
            yield precision, compile_parts, batch


def share_of_peak(lines: Sequence[dict[str, Any]], flops: float, card: str) -> None:
    """Add the share of the card's peak to each line, if its peak is known."""
    peak = next((value for part, value in PEAKS.items() if part in card), None)
    for one in lines:
        if peak is not None and "seconds" in one:
            one["share_of_bf16_peak"] = flops * one["batch"] / one["seconds"] / peak


def main() -> None:
    options = read_options()
    started = time.monotonic()
    card = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    one = Shape(1, options.height, options.width, options.tokens)
    flops = sum(measure(random_model(options.model, "cpu"), one).counts.flops.values())
    found: dict[str, Any] = {
        "model": options.model, "card": card, "torch": torch.__version__,
        "tflop_of_an_image": flops / 1e12, "steps": [],
    }  # fmt: skip
    for case in cases(options):
        if time.monotonic() - started > options.seconds:
            found["cut"] = f"after {options.seconds} seconds"
            break
        found["steps"].append(line(options, *case))
        share_of_peak(found["steps"], flops, card)
        options.out.write_text(json.dumps(found, indent=1))
        print(json.dumps(found["steps"][-1]), flush=True)
    if fitting := [one["batch"] for one in found["steps"] if "seconds" in one]:
        found["kernels"] = trace(options, fitting[0], options.out.with_suffix(".trace.json"))
        options.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
