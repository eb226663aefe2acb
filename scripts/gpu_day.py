"""All that only a GPU can tell, in one command of at most nine minutes.

    python -m scripts.gpu_day --out <folder>

Every part is a process with its own time limit. Its output is in a file of its own; gpu_day.json
holds the card, and the command, exit code and seconds of every part, and is written after each, so
that a command that is cut keeps what it has. `--parts` chooses some of them.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Part:
    """A command of Python, whose words may have {out} in them, and its limit in seconds."""

    name: str
    words: str
    limit: int


PARTS = (
    Part("tests", "-m pytest -q -m gpu -p no:cacheprovider", 80),
    Part("glip_t", "-m scripts.gpu_steps --model glip_t --seconds 90 --out {out}/glip_t.json", 120),
    Part(
        "glip_l",
        "-m scripts.gpu_steps --model glip_l --batches 1 2 4 --precisions bf16 --seconds 50 "
        "--out {out}/glip_l.json",
        75,
    ),
    Part("beside_grounding_dino", "-m scripts.bench_model --device cuda --rounds 5", 75),
    Part("lvis", "-m scripts.bench_vocabulary --device cuda --rounds 2", 60),
    Part("losses", "-m scripts.gpu_losses --out {out}/losses.json", 110),
)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu_day"))
    parser.add_argument("--parts", nargs="*", default=[part.name for part in PARTS])
    return parser.parse_args()


def run(part: Part, folder: Path) -> dict[str, Any]:
    """Run a part; what it prints goes into a file. An exit code of None: it was stopped."""
    words = [sys.executable, *(word.format(out=folder) for word in part.words.split())]
    started = time.monotonic()
    code: int | None = None
    with (folder / f"{part.name}.txt").open("w") as file:
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)
        try:
            code = process.wait(part.limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    seconds = round(time.monotonic() - started, 1)
    return {"command": " ".join(words[1:]), "exit_code": code, "seconds": seconds}


def run_all(parts: Sequence[Part], folder: Path) -> dict[str, Any]:
    """Run the parts in order, and write the report after each."""
    folder.mkdir(parents=True, exist_ok=True)
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    report: dict[str, Any] = {"card": card, "torch": torch.__version__, "parts": {}}
    for part in parts:
        report["parts"][part.name] = run(part, folder)
        (folder / "gpu_day.json").write_text(json.dumps(report, indent=1) + "\n")
        print(part.name, report["parts"][part.name], flush=True)
    return report


def main() -> None:
    options = read_options()
    run_all([part for part in PARTS if part.name in options.parts], options.out)


if __name__ == "__main__":
    main()
