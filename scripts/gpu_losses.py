"""Whether a GPU trains as a CPU does: the losses of the same steps on both.

    python -m scripts.gpu_losses --steps 200

glip_nano is trained on ShapesWorld with the same seed and order in float32, once on each device.
Printed are the largest relative differences of the losses until several steps: rounding grows with
the steps, so that only the first ones can be nearly equal, and the means of the last fifty say
whether both learn alike.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean

UNTIL = (1, 5, 20, 50, 100, 200)
LAST = 50


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--accelerators", nargs=2, default=["cpu", "gpu"])
    parser.add_argument("--settings", nargs="*", default=[], help="more settings of `train`")
    parser.add_argument("--out", type=Path, default=Path("losses.json"))
    return parser.parse_args()


def started(folder: Path, accelerator: str, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    """A training in a process of its own."""
    words = [
        *(sys.executable, "-m", "glip_pl.train", "experiment=shapes_pretrain", "logger=csv"),
        *(f"trainer.accelerator={accelerator}", "trainer.devices=1", "trainer.precision=32-true"),
        *(
            f"trainer.max_steps={options.steps}",
            "trainer.log_every_n_steps=1",
            "callbacks.ema=null",
        ),
        *("callbacks.ema=null", "data.val=null", "data.test=null", "callbacks.best=null"),
        *(f"hydra.run.dir={folder / accelerator}", f"paths.data={folder / 'data'}"),
        *options.settings,
    ]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def losses(folder: Path) -> list[float]:
    """The loss of every step."""
    (file,) = folder.rglob("metrics.csv")
    with file.open() as lines:
        return [float(row["train/loss"]) for row in csv.DictReader(lines) if row["train/loss"]]


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for process in [started(folder, which, options) for which in options.accelerators]:
            if process.wait():
                raise SystemExit(f"a training ended with code {process.returncode}")
        one, other = (losses(folder / which) for which in options.accelerators)
    apart = [abs(a - b) / abs(a) for a, b in zip(one, other, strict=True)]
    report = {
        "steps": len(apart),
        "largest_relative_difference_until": {
            str(step): max(apart[:step]) for step in UNTIL if step <= len(apart)
        },
        f"mean_of_last_{LAST}": [fmean(values[-LAST:]) for values in (one, other)],
    }
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
