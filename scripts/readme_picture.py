"""Draws the picture at the top of the README.

    python -m scripts.readme_picture --shapes <demo> --cells <tuned on BCCD> --data <BCCD>

Left: a new picture of ShapesWorld, asked for pairs of colour and shape that no training picture
shows, by the model of `make demo`. Right: a test picture of BCCD (MIT license), by that model after
`experiment=finetune_custom` on BCCD.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from glip_pl.data.shapes.scenes import scene
from glip_pl.inference.drawing import row, titled
from glip_pl.inference.predictor import Predictor

SCENE = (("green", "square"), ("orange", "ring"), ("white", "triangle"), ("blue", "star"))
"""Three pairs that no training picture shows, which are asked for, and another one."""

PHOTOGRAPH = Path("test", "BloodImage_00011.jpg")
CELLS = "Platelets. WBC. RBC"
THRESHOLD = 0.5
HEIGHT = 400
"""Of both pictures, pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", type=Path, required=True, help="checkpoint of `make demo`")
    parser.add_argument("--cells", type=Path, required=True, help="checkpoint tuned on BCCD")
    parser.add_argument("--data", type=Path, required=True, help="folder of BCCD")
    parser.add_argument("--output", type=Path, default=Path("docs/readme.png"))
    options = parser.parse_args()
    picture, _ = scene(160, SCENE, np.random.default_rng(8))
    asked = ". ".join(" ".join(pair) for pair in SCENE[:3])
    with Image.open(options.data / PHOTOGRAPH) as photograph:
        panels = [_panel(options.shapes, picture, asked), _panel(options.cells, photograph, CELLS)]
    row(panels).quantize(colors=256, dither=Image.Dither.NONE).save(options.output, optimize=True)


def _panel(checkpoint: Path, picture: Image.Image, text: str) -> Image.Image:
    """What a model finds for a text, under the text."""
    predictor = Predictor.load(checkpoint, "cpu")
    drawn = predictor(picture, text, threshold=THRESHOLD).draw()
    width = round(drawn.width * HEIGHT / drawn.height)
    return titled(drawn.resize((width, HEIGHT), Image.Resampling.LANCZOS), f'"{text}"')


if __name__ == "__main__":
    main()
