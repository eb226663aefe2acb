"""How much of the processor a training step gets alone, beside another one, and on a busy machine.

    python -m scripts.bench_busy

A step of glip_nano is timed in processes of their own, whose waiting threads spin for long
(OpenMP's default), for a short time (what this package's commands set), or not at all
(OMP_WAIT_POLICY=PASSIVE). In each round these take turns: alone, two at once, and beside six
processes that compute without pause. The fair share of a process is the time of a step alone, by
default, times the number of busy threads for each core. The medians and the shares are printed.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from glip_pl.processors import DEFAULTS, POLICY, cores

LIMIT = 600
"""Seconds after which a process is given up; it counts as this long for all its steps."""

BUSY = 6
"""Processes beside the step in the third case."""

STEP = """
import time, torch
from scripts.benchmarking import random_batch, random_model
from glip_pl.losses.grounding import GroundingLoss
torch.manual_seed(0)
model, batch = random_model("glip_nano", "cpu").train(), random_batch(4, 288, 384, "cpu")
loss = GroundingLoss()
def step():
    output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
    loss(output, batch).total.backward()
    model.zero_grad()
step()
seconds = []
for _ in range({steps}):
    started = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - started)
print(sorted(seconds)[len(seconds) // 2])
"""


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def started(policy: dict[str, str], steps: int) -> "subprocess.Popen[str]":
    """A process that prints the median time of a step."""
    environment = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    words = [sys.executable, "-c", STEP.format(steps=steps)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment | policy)


def seconds(process: "subprocess.Popen[str]") -> float:
    """What the process prints; LIMIT if it does not end."""
    try:
        return float(process.communicate(timeout=LIMIT)[0])
    except subprocess.TimeoutExpired:
        process.kill()
        return float(LIMIT)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute without pause."""
    words = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(words) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def case(policy: dict[str, str], steps: int, together: int, beside: int) -> float:
    """The mean time of a step of processes that run together, beside busy ones."""
    with busy(beside):
        processes = [started(policy, steps) for _ in range(together)]
        return sum(map(seconds, processes)) / together


def main() -> None:
    options = read_options()
    policies = {"default": {}, "ours": DEFAULTS, "passive": {POLICY: "PASSIVE"}}
    cases = {"alone": (1, 0), "two at once": (2, 0), f"beside {BUSY} busy": (1, BUSY)}
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        for name, (together, beside) in cases.items():
            for policy, variables in policies.items():
                found = case(variables, options.steps, together, beside)
                times.setdefault((name, policy), []).append(found)
    alone = median(times["alone", "default"])
    for name, (together, beside) in cases.items():
        fair = alone * max(1.0, (together * cores() + beside) / cores())
        print(f"{name}: fair share {fair:.2f} s")
        for policy in policies:
            found = median(times[name, policy])
            print(f"  {policy:<8} {found:6.2f} s, {fair / found:.0%} of the fair share")


if __name__ == "__main__":
    main()
