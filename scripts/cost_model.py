"""Days of the released trainings on H100s, an estimate: `python -m scripts.cost_model`.

A step is counted without a GPU (scripts/gpu_budget.py) at the mean padded size of a recipe with
batches of one orientation. Its time is what half of the peak of the matrix units and 60 % of the
bandwidth would give; the greater of the two, because a GPU can do both at once. Nothing else is
assumed to take time. Prints the table of docs/scaling.md.
"""

import argparse
from dataclasses import dataclass

from scripts.benchmarking import random_model
from scripts.gpu_budget import Shape, measure

PEAK = {"bfloat16": 989e12, "float32": 495e12}
"""FLOP/s of an H100 SXM without sparsity; float32 products in TF32 (its data sheet)."""

BANDWIDTH = 3.35e12
"""Bytes/s of an H100 SXM (its data sheet)."""

OF_PEAK, OF_BANDWIDTH = 0.5, 0.6

HEIGHT, WIDTH = 704, 1152
"""Mean padded area of tests/data/test_grouping.py's photographs in batches of one orientation."""

CHECKPOINT = 16
"""Bytes per parameter: weights, two moments and the moving average in float32."""


@dataclass(frozen=True)
class Recipe:
    """A released training."""

    name: str
    model: str
    batch: int  # images of a GPU in a batch
    images: float  # seen in the whole training


OBJECTS365, GOLDG, CAP4M, EPOCHS = 608e3, 770e3, 4e6, 30
RECIPES = (
    Recipe("A", "glip_t_a", 4, OBJECTS365 * EPOCHS),
    Recipe("B", "glip_t", 4, OBJECTS365 * EPOCHS),
    Recipe("C", "glip_t", 4, (OBJECTS365 + GOLDG) * EPOCHS),
    Recipe("T", "glip_t", 4, (OBJECTS365 + GOLDG + CAP4M) * EPOCHS),
    Recipe("L", "glip_l", 1, 64e6),
)
DEVICES = (8, 16, 64)


@dataclass(frozen=True)
class Step:
    """What a training step of an image asks for."""

    tera: dict[str, float]  # FLOP by type
    giga: float  # bytes
    checkpoint: float  # bytes

    @property
    def seconds(self) -> float:
        """The estimated time of an image."""
        products = sum(1e12 * flop / PEAK[kind] for kind, flop in self.tera.items()) / OF_PEAK
        return max(products, 1e9 * self.giga / BANDWIDTH / OF_BANDWIDTH)


def step_of(model: str, batch: int, tokens: int) -> Step:
    """Count a step of a model."""
    built = random_model(model, "cpu")
    parameters = sum(parameter.numel() for parameter in built.parameters())
    counts = measure(built, Shape(batch, HEIGHT, WIDTH, tokens)).counts
    tera = dict.fromkeys(PEAK, 0.0)
    for (_, kind), flop in counts.flops.items():
        tera[kind] += flop / 1e12 / batch
    giga = sum(counts.bytes.values()) / 1e9 / batch
    return Step(tera, giga, CHECKPOINT * parameters)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=256)
    options = parser.parse_args()
    steps: dict[str, Step] = {}
    days = " | ".join(f"days, {count} GPUs" for count in DEVICES)
    print(f"| | TFLOP | of them fp32 | GB moved | images/s per GPU | checkpoint | {days} |")
    print("|---" * (6 + len(DEVICES)) + "|")
    for recipe in RECIPES:
        if recipe.model not in steps:
            steps[recipe.model] = step_of(recipe.model, recipe.batch, options.tokens)
        step = steps[recipe.model]
        cells = [
            recipe.name,
            f"{sum(step.tera.values()):.2f}",
            f"{step.tera['float32']:.2f}",
            f"{step.giga:.0f}",
            f"{1 / step.seconds:.0f}",
            f"{step.checkpoint / 1e9:.1f} GB",
            *(f"{recipe.images * step.seconds / count / 86400:.1f}" for count in DEVICES),
        ]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
