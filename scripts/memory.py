"""The memory that a training step needs on a GPU, by model and batch size, counted without one.

python -m scripts.memory --models glip_t glip_l --batches 1 2 4 8 --height 800 --width 1344
"""

import argparse
from dataclasses import replace

from scripts.benchmarking import random_model
from scripts.gpu_budget import Shape, measure

STATE_BYTES = 16
"""Bytes of a trained parameter: its value, its gradient and AdamW's two averages, in float32."""

GPUS = {"24 GB": 24, "40 GB": 40, "80 GB": 80, "141 GB": 141}
"""Memory of common GPUs in GB."""

SHARE = 0.85
"""What a step may take of a GPU's memory: the rest is temporary results, cache and the context."""


def gigabytes(name: str, shape: Shape) -> tuple[float, float]:
    """GB of parameters with their state, and of results that the backward pass needs."""
    model = random_model(name, "cpu")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return parameters * STATE_BYTES / 1e9, measure(model, shape).stored / 1e9


def by_batch(name: str, shape: Shape) -> tuple[float, float, float]:
    """GB of the state, of results that any batch has, and of those that each picture adds."""
    state, one = gigabytes(name, replace(shape, batch=1))
    _, two = gigabytes(name, replace(shape, batch=2))
    return state, 2 * one - two, two - one


def row(name: str, batch: int, state: float, stored: float) -> str:
    """A line of the table: a batch fits a GPU if its step takes SHARE of the memory at most."""
    fits = ["yes" if state + stored <= SHARE * size else "no" for size in GPUS.values()]
    return f"| {name} | {batch} | {state:.1f} | {stored:.1f} | {' | '.join(fits)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["glip_t", "glip_l"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--width", type=int, default=1344)
    parser.add_argument("--tokens", type=int, default=256)
    options = parser.parse_args()
    print(f"| model | batch | state, GB | results, GB | {' | '.join(GPUS)} |")
    print("|---" * (4 + len(GPUS)) + "|")
    for name in options.models:
        shape = Shape(1, options.height, options.width, options.tokens)
        state, fixed, each = by_batch(name, shape)
        for batch in options.batches:
            print(row(name, batch, state, fixed + each * batch))


if __name__ == "__main__":
    main()
