"""What one training step asks of a GPU, counted without a GPU: kernels, bytes, FLOP, waits.

python -m scripts.gpu_budget --model glip_t --batch 4 --height 800 --width 1344 --tokens 256
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from glip_pl.losses.grounding import GroundingLoss
from glip_pl.losses.targets import targets_of
from glip_pl.models.plain_forms import gpu_forms
from glip_pl.training.optimizer import GroupedAdamW
from glip_pl.training.step_memory import remove_storage, stored_results, without_storage
from glip_pl.types import Batch, Output
from scripts.benchmarking import random_batch, random_model
from scripts.gpu_recorder import Counts, Recorder, backward, recording

WORDS = ("person", "car", "dog", "cat", "tree", "house", "chair", "table", "boat", "bird")


@dataclass(frozen=True)
class Shape:
    """The shape of a batch."""

    batch: int = 4
    height: int = 800
    width: int = 1344
    tokens: int = 256

    @property
    def anchors(self) -> int:
        """Positions of the pyramid, P3 to P7."""
        return sum(-(-self.height // s) * -(-self.width // s) for s in (8, 16, 32, 64, 128))


@dataclass(frozen=True)
class Budget:
    """What a step took, and the types of its outputs."""

    shape: Shape
    counts: Counts
    outputs: dict[str, str]
    stored: int  # bytes that the backward pass needs, without parameters


def batch_of(shape: Shape) -> Batch:
    """A random batch of this shape; its prompts have exactly that many tokens."""
    count, more = divmod(shape.tokens - 1, 2)  # a word each, separators, and two special tokens
    names = [WORDS[index % len(WORDS)] for index in range(count)]
    names[0] = "big " * more + names[0]
    torch.manual_seed(0)
    batch = random_batch(shape.batch, shape.height, shape.width, "cpu", names)
    assert batch.tokens.shape[1] == shape.tokens, batch.tokens.shape
    return replace(batch, targets=targets_of(batch))  # as the loader's workers make them


def measure(
    model: nn.Module, shape: Shape, precision: str = "bf16", batch: Batch | None = None
) -> Budget:
    """Count one training step of a model, whose weights are lost."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    real = batch_of(shape) if batch is None else batch
    recorder = Recorder(large=shape.batch * shape.anchors * 8 * shape.tokens)
    with mode:
        remove_storage(model, mode)
        fake: Batch = without_storage(real, mode)
        optimizer = GroupedAdamW()(model)
        for group in optimizer.param_groups:  # what AdamW chooses on a GPU
            group["foreach"] = not group["fused"]
        with gpu_forms():
            output, stored = _step(model.train(), fake, optimizer, precision, recorder)
    types = {
        name: str(getattr(output, name).dtype).removeprefix("torch.")
        for name in ("alignment", "deltas", "centerness")
    }
    return Budget(shape, recorder.counts, types, stored)


def _step(
    model: nn.Module,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    precision: str,
    recorder: Recorder,
) -> tuple[Output, int]:
    loss = GroundingLoss()
    parameters = list(model.parameters())
    with stored_results(parameters) as saved, recording(precision, recorder):
        output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        recorder.phase = "loss"
        total = loss(output, batch).total
    with recording("fp32", recorder):
        recorder.phase = "backward"
        backward(total)
    optimizer.step()  # the first one creates the state
    with recording("fp32", recorder):
        recorder.phase = "optimizer"
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()
    return output, sum(saved.values())


def table(budget: Budget) -> str:
    """The figures of a step as a Markdown table, and the places that take most."""
    counts = budget.counts
    phases = ("forward", "loss", "backward", "optimizer")
    rows: list[tuple[str, Callable[[str], float], str]] = [
        ("kernels", lambda phase: counts.kernels[phase], "{:,.0f}"),
        ("of them casts", lambda phase: counts.casts[phase], "{:,.0f}"),
        ("GB read and written", lambda phase: counts.bytes[phase] / 1e9, "{:,.1f}"),
        *(
            (f"TFLOP in {dtype}", lambda phase, d=dtype: counts.flops[phase, d] / 1e12, "{:,.2f}")
            for dtype in sorted({dtype for _, dtype in counts.flops})
        ),
    ]
    lines = [f"| | {' | '.join(phases)} | step |", "|---" * 6 + "|"]
    for title, value, form in rows:
        values = [value(phase) for phase in phases]
        lines.append(f"| {title} | {' | '.join(map(form.format, [*values, sum(values)]))} |")
    shape = budget.shape
    lines += [
        "",
        f"Waits of the host: {sum(counts.syncs.values())}. Outputs: {budget.outputs}.",
        f"Results stored for the backward pass: {budget.stored / 2**30:.2f} GiB.",
        f"Tensors of {shape.batch} x {shape.anchors} x 8 x {shape.tokens} elements or more: "
        f"{len(counts.largest)}.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="glip_t")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--width", type=int, default=1344)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--places", action="store_true", help="list what takes most")
    options = parser.parse_args()
    shape = Shape(options.batch, options.height, options.width, options.tokens)
    budget = measure(random_model(options.model, "cpu"), shape, options.precision)
    print(table(budget))
    if options.places:
        for title in ("by_name", "places", "syncs", "float32_products", "largest", "bytes_by_name"):
            print(f"\n{title}")
            for key, value in getattr(budget.counts, title).most_common(25):
                print(f"{value:>20,} {key}")


if __name__ == "__main__":
    main()
