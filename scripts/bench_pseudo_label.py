"""How fast captions are labelled, beside plain inference by the same teacher.

    python -m scripts.bench_pseudo_label --ckpt runs/shapes_pretrain/.../checkpoints/best.ckpt

Both sides read the same pictures and ask for the same phrases, in turn; plain inference neither
parses captions nor writes anything. The ratio is the one to read. Captions parsed alone come last.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

from glip_pl.data.formats.captions import CocoCaptions
from glip_pl.data.indexing import open_index
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.labeller import STORED, Labeller
from glip_pl.prompts.noun_phrases import NounPhrases
from glip_pl.types import Prompt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt", required=True)
    parser.add_argument("--captions", default="data/shapes/annotations/phrases.json")
    parser.add_argument("--images", default="data/shapes/images/phrases")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--count", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    teacher = Predictor.load(given.ckpt, given.device, score_threshold=STORED**2)
    phrases = NounPhrases.load()
    labeller = Labeller(teacher, phrases, given.batch)
    with tempfile.TemporaryDirectory() as folder:
        reader = CocoCaptions(_captions(Path(given.captions), Path(folder)), given.images)
        index, images = open_index(reader, Path(folder)), reader.open_images()
        rows = range(min(given.count, len(index)))
        texts = [index.captions[row] for row in rows]
        prompts = [Prompt(*one) for one in zip(texts, phrases(texts), strict=True)]
        times: dict[str, list[float]] = {"labelling": [], "plain inference": []}
        for _ in range(given.rounds + 1):
            started = time.perf_counter()
            counts = labeller.shard(index, images, rows, Path(folder, "labels.jsonl"))
            times["labelling"].append(time.perf_counter() - started)
            started = time.perf_counter()
            for first in range(0, len(rows), given.batch):
                part = rows[first : first + given.batch]
                pictures = [images.load(index.images[row]) for row in part]
                teacher.ground(teacher.batch(pictures, [prompts[row] for row in part]))
            times["plain inference"].append(time.perf_counter() - started)
        for name, seconds in times.items():
            print(f"{name:18}{len(rows) / median(seconds[1:]):8.1f} captions/s")
        ratios = [b / a for a, b in zip(*(one[1:] for one in times.values()), strict=True)]
        print(f"ratio             {100 * median(ratios):8.1f} %")
        many = texts * 20
        started = time.perf_counter()
        found = sum(len(one) for one in phrases(many))
        seconds = time.perf_counter() - started
        print(
            f"noun phrases alone{len(many) / seconds:8.0f} captions/s, {found / len(many):.1f} each"
        )
        print(f"boxes of a caption{counts['boxes'] / counts['captions']:8.1f}")


def _captions(path: Path, folder: Path) -> Path:
    """COCO's captions, or MDETR's file as one."""
    content = json.loads(path.read_text())
    if "caption" in content["images"][0]:
        content["annotations"] = [
            {"id": one["id"], "image_id": one["id"], "caption": one["caption"]}
            for one in content["images"]
        ]
    target = folder / "captions.json"
    target.write_text(json.dumps(content))
    return target


if __name__ == "__main__":
    main()
