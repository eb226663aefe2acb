"""Pictures and texts by which an exported file is compared with PyTorch."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from glip_pl.data.images import find_images, load_image, upright
from glip_pl.data.shapes.world import World
from glip_pl.exporting.graph import Graph
from glip_pl.exporting.running import Arrays
from glip_pl.inference.predictor import Predictor
from glip_pl.prompts.prompt_from_text import text_prompt
from glip_pl.types import Prompt

TEXTS = ("a red circle. two blue squares", "a person", "cat. dog. car. traffic light. a big tree")
"""What is looked for, in turn."""

SHAPES = ((256, 256), (256, 160), (180, 256))
"""(width, height) of the generated pictures: several proportions."""


def pictures(folder: str | None, count: int) -> list[tuple[str, Image.Image]]:
    """The first pictures of a folder, or generated ones. Raises UserError if there are none."""
    if folder is not None:
        return [(path.name, upright(load_image(path))) for path in find_images(folder)[:count]]
    with TemporaryDirectory() as name:
        World(detection=1, captions=1, web=1, evaluation=count, side=256, seed=0).write(Path(name))
        files = sorted((Path(name) / "images/seen").glob("*.png"))[:count]
        found = []
        for file, (width, height) in zip(files, cycle(SHAPES), strict=False):
            image = load_image(file).crop((0, 0, width, height))
            found.append((f"generated picture {file.stem}", image))
        return found


def cases(
    predictor: Predictor, graph: Graph, found: Sequence[tuple[str, Image.Image]]
) -> Iterator[tuple[str, Arrays]]:
    """Inputs for each picture with another text, and for a batch of all of them."""
    texts = [text_prompt(text) for text in TEXTS]
    for (name, image), text in zip(found, cycle(texts), strict=False):
        yield f"{name}, {text.caption!r}", inputs(predictor, graph, [image], [text])
    images = [image for _, image in found[: len(SHAPES)]]
    yield "all in a batch", inputs(predictor, graph, images, [texts[0]] * len(images))


def inputs(
    predictor: Predictor, graph: Graph, images: Sequence[Image.Image], texts: Sequence[Prompt]
) -> Arrays:
    """A graph's inputs for pictures with a text each; all texts have as many phrases."""
    batch = predictor.batch(images, texts)
    arrays = {
        "images": batch.images.contiguous().numpy(),
        "sizes": batch.sizes.numpy(),
        "tokens": batch.tokens.numpy(),
        "attention_mask": batch.attention_mask.numpy(),
        "phrase_masks": np.stack([masks.numpy() for masks in batch.phrase_masks]),
    }
    return {name: arrays[name] for name in graph.input_names}
