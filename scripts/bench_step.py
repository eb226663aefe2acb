"""Time and memory of training steps and of inference, on a CPU or a GPU.

python -m scripts.bench_step --model glip_t --height 256 --width 320 --batch 1
python -m scripts.bench_step --model glip_t --height 800 --width 1216 --batch 4 --device cuda \
    --precision bf16 --compile
"""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from statistics import median

import torch

from glip_pl.losses.grounding import GroundingLoss
from glip_pl.losses.targets import targets_of
from glip_pl.models.compiling import compile_blocks
from glip_pl.training.callbacks.throughput import peak_memory_gb
from glip_pl.training.optimizer import GroupedAdamW
from glip_pl.types import Batch
from scripts.benchmarking import random_batch, random_model, seconds_of


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="glip_t")
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--padding", choices=["shared", "own"], default="shared")
    parser.add_argument("--turned", action="store_true", help="turn every second image")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--steps", type=int, default=5)
    return parser.parse_args()


def autocast(options: argparse.Namespace) -> AbstractContextManager[object]:
    """Where the model runs in bf16, if that is the chosen precision."""
    if options.precision == "bf16":
        return torch.autocast(options.device, torch.bfloat16)
    return nullcontext()


def steps(
    model: torch.nn.Module, batch: Batch, options: argparse.Namespace
) -> tuple[Callable[[], None], Callable[[], None]]:
    """A function that does one training step, and one that does inference."""
    if options.compile:
        compile_blocks(model)
    optimizer = GroupedAdamW()(model)
    loss = GroundingLoss()

    def train() -> None:
        with autocast(options):
            output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        optimizer.zero_grad()
        loss(output, batch).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()

    @torch.inference_mode()
    def infer() -> None:
        with autocast(options):
            model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)

    return train, infer


def main() -> None:
    options = read_options()
    torch.manual_seed(0)
    model = random_model(options.model, options.device, [f"model.padding={options.padding}"])
    sides = options.height, options.width
    batch = random_batch(options.batch, *sides, options.device, turned=options.turned)
    batch = replace(batch, targets=targets_of(batch, options.padding))  # as the loader's workers do
    train, infer = steps(model, batch, options)
    where = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"{where}, torch {torch.__version__}, {options}")
    for name, step, mode in (("training", train, True), ("inference", infer, False)):
        model.train(mode)
        times = [seconds_of(step) for _ in range(options.steps + 1)]
        seconds = median(times[1:])  # the first step warms up
        print(
            f"{name:9s} {seconds:7.3f} s/step  {options.batch / seconds:7.2f} images/s  "
            f"peak memory {peak_memory_gb():5.2f} GB"
        )


if __name__ == "__main__":
    main()
