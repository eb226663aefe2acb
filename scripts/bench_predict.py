"""What reading, drawing and writing add to the model's own time in `predict`.

    python -m scripts.bench_predict --ckpt runs/shapes_demo/.../checkpoints/best.ckpt

Both sides detect in the same pictures, in turn: the model alone in decoded pictures, and the loop
of the command, which also decodes the files, draws the boxes and writes the drawings and
predictions.json. The ratio of their times is the result.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

from PIL import Image

from glip_pl.data.shapes.world import World
from glip_pl.inference.image_input import ImageSource, image_sources
from glip_pl.inference.predictions import Predictions
from glip_pl.inference.predictor import Predictor
from glip_pl.predict import detect, readable
from glip_pl.running.settings import compose_settings
from scripts.benchmarking import seconds_of

TEXT = "circle. star. ring. cross"


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt", required=True)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def photographs(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """JPEG files of this (width, height), made from ShapesWorld's pictures."""
    World(detection=1, captions=1, web=1, evaluation=count, side=96, seed=0).write(folder / "world")
    files = []
    for file in sorted((folder / "world/images/seen").glob("*.png"))[:count]:
        target = folder / f"{file.stem}.jpg"
        Image.open(file).convert("RGB").resize(size).save(target, quality=90)
        files.append(target)
    return files


def main() -> None:
    options = read_options()
    predictor = Predictor.load(options.ckpt, options.device)
    query = predictor.encode(TEXT)
    settings = compose_settings(["image=-"], "predict")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = photographs(folder, options.count, (options.width, options.height))
        decoded = [
            ImageSource(source.name, source.path, source.open()) for source in image_sources(files)
        ]

        def model_alone() -> None:
            for _ in predictor.stream((source, query) for source in decoded):
                pass

        def command() -> None:
            predictions = Predictions(folder, query.prompt)
            detect(predictor, query, readable(files, []), settings, predictions)
            predictions.write_report({})

        model_alone()
        sides = model_alone, command
        seconds = [[seconds_of(side) for side in sides] for _ in range(options.rounds)]
    alone, whole = (median(side) for side in zip(*seconds, strict=True))
    print(
        f"{len(files)} pictures of {options.width} x {options.height} pixels on {predictor.device}"
    )
    print(f"model alone {alone:.2f} s, predict {whole:.2f} s, ratio {whole / alone:.2f}")


if __name__ == "__main__":
    main()
