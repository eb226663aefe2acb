"""How fast captions are labelled, beside plain inference by the same teacher.

    python -m scripts.bench_pseudo_label --ckpt runs/shapes_demo/.../checkpoints/best.ckpt

Both sides read the same pictures with the same prompts, in turn; plain inference neither looks for
noun phrases nor writes anything. The ratio of their times is the result. At the end the search for
noun phrases is timed alone.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from glip_pl.data.formats.captions import CocoCaptions
from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.data.records import Images
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.labeller import STORED, Labeller
from glip_pl.prompts.noun_phrases import NounPhrases
from glip_pl.types import Prompt
from scripts.benchmarking import seconds_of, timed

REPEATS = 20
"""How often the captions are parsed when the search for noun phrases is timed alone."""


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt", required=True)
    parser.add_argument("--captions", default="data/shapes/annotations/phrases.json")
    parser.add_argument("--images", default="data/shapes/images/phrases")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--count", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def caption_file(path: Path, folder: Path) -> Path:
    """COCO's caption file with the captions of `path`, which may be an MDETR file instead."""
    document = json.loads(path.read_text())
    if "caption" in document["images"][0]:
        document["annotations"] = [
            {"id": image["id"], "image_id": image["id"], "caption": image["caption"]}
            for image in document["images"]
        ]
    target = folder / "captions.json"
    target.write_text(json.dumps(document))
    return target


@dataclass(frozen=True)
class PlainInference:
    """The teacher alone on the pictures of an index, whose prompts are known."""

    teacher: Predictor
    index: Index
    images: Images
    prompts: Sequence[Prompt]
    batch_size: int

    def __call__(self) -> None:
        for first in range(0, len(self.prompts), self.batch_size):
            prompts = self.prompts[first : first + self.batch_size]
            rows = range(first, first + len(prompts))
            pictures = [self.images.load(self.index.images[row]) for row in rows]
            self.teacher.ground(self.teacher.batch(pictures, prompts))


def compare(options: argparse.Namespace, folder: Path) -> None:
    """Time labelling, plain inference and the search for noun phrases, and print the rates."""
    teacher = Predictor.load(options.ckpt, options.device, score_threshold=STORED**2)
    noun_phrases = NounPhrases.load()
    labeller = Labeller(teacher, noun_phrases, options.batch)
    reader = CocoCaptions(caption_file(Path(options.captions), folder), options.images)
    index, images = open_index(reader, folder), reader.open_images()
    rows = range(min(options.count, len(index)))
    captions = [index.captions[row] for row in rows]
    prompts = [
        Prompt(caption, phrases)
        for caption, phrases in zip(captions, noun_phrases(captions), strict=True)
    ]
    inference = PlainInference(teacher, index, images, prompts, options.batch)
    labelling_times, inference_times = [], []
    counts: dict[str, Any] = {}
    for _ in range(options.rounds + 1):
        seconds, counts = timed(
            lambda: labeller.shard(index, images, rows, folder / "labels.jsonl")
        )
        labelling_times.append(seconds)
        inference_times.append(seconds_of(inference))
    print_rates(len(rows), labelling_times[1:], inference_times[1:])  # the first round warms up
    many = captions * REPEATS
    seconds, phrase_lists = timed(lambda: noun_phrases(many))
    each = sum(map(len, phrase_lists)) / len(many)
    print(f"noun phrases alone{len(many) / seconds:8.0f} captions/s, {each:.1f} each")
    print(f"boxes of a caption{counts['boxes'] / counts['captions']:8.1f}")


def print_rates(captions: int, labelling: Sequence[float], inference: Sequence[float]) -> None:
    """Print how many captions each side handles per second, and the ratio, from seconds."""
    print(f"{'labelling':18}{captions / median(labelling):8.1f} captions/s")
    print(f"{'plain inference':18}{captions / median(inference):8.1f} captions/s")
    ratio = median(plain / full for full, plain in zip(labelling, inference, strict=True))
    print(f"ratio             {100 * ratio:8.1f} %")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        compare(read_options(), Path(folder))


if __name__ == "__main__":
    main()
