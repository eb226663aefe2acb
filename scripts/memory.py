"""The memory that a training step needs on a GPU, by model and batch size, counted without one.

python -m scripts.memory --models glip_t glip_l --batches 1 2 4 8 --height 800 --width 1344
"""

import argparse

from glip_pl.training.step_memory import StepMemory, step_memory
from scripts.benchmarking import random_model

GPUS = {"24 GB": 24, "40 GB": 40, "80 GB": 80, "141 GB": 141}
"""Memory of common GPUs in GB."""

RECOMPUTE = tuple(f"model.{part}_encoder.recompute=true" for part in ("image", "text"))


def row(name: str, batch: int, memory: StepMemory) -> str:
    """A line of the table: a batch fits a GPU if its step leaves room for temporary results."""
    fits = ["yes" if memory.fits(batch, size * 1e9) else "no" for size in GPUS.values()]
    state, stored = memory.state / 1e9, memory.stored(batch) / 1e9
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
        for title, overrides in ((name, ()), (f"{name}, recompute", RECOMPUTE)):
            model = random_model(name, "cpu", overrides)
            memory = step_memory(model, options.height, options.width, options.tokens)
            for batch in options.batches:
                print(row(title, batch, memory))


if __name__ == "__main__":
    main()
