"""What a prompt kit wins on pictures that chose nothing: synonyms of ShapesWorld, blood cells."""

import json
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from scripts.beyond.figures import BCCD, SHAPES_WORLD, Figures, Measurement, run

WORDS: Mapping[str, Mapping[str, list[str]]] = {
    "shapes": {
        "crimson disc": ["red disc", "scarlet dot", "red circle", "round red thing"],
        "golden hoop": ["yellow hoop", "gold band", "yellow ring", "round yellow thing"],
        "azure box": ["blue box", "sky cube", "blue square", "four-sided blue thing"],
        "emerald pyramid": ["green pyramid", "jade wedge", "green triangle"],
        "violet crescent": ["purple crescent", "lilac sickle", "purple moon"],
        "ebony plus sign": ["black plus sign", "jet plus", "black cross"],
        "tangerine pentagram": ["orange pentagram", "amber asterisk", "orange star"],
        "ivory valentine": ["white valentine", "snowy sweetheart", "white heart"],
    },
    "cells": {
        "Platelets": ["platelet", "thrombocyte", "small purple dot", "tiny purple circle"],
        "RBC": ["red blood cell", "erythrocyte", "red circle", "pink ring"],
        "WBC": ["white blood cell", "leukocyte", "large purple circle", "purple heart"],
    },
}
"""Other words by name: of ShapesWorld's synonyms some are those of its captions."""

SIZES = {
    "shapes": ["data.eval_transform.short_sides=[128]", "data.eval_transform.max_side=128"],
    "cells": ["data.eval_transform.short_sides=[192]", "data.eval_transform.max_side=320"],
}


def prompt_search(base: Path) -> Measurement:
    """The arms are the data, the number of pictures and the gain that is asked for."""
    return Measurement(
        "prompt kit, other pictures",
        {
            f"{data}, {shots} shots, gain {gain}": partial(_kit, base, data, shots, gain)
            for data in WORDS
            for shots, gain in ((2, 0), (2, 1), (5, 0), (5, 1), (5, 3))
        },
    )


def _kit(base: Path, data: str, shots: int, gain: float, folder: Path, seed: int) -> Figures:
    root = BCCD if data == "cells" else _synonyms(folder.parent / "shapes")
    words = folder / "synonyms.json"
    words.write_text(json.dumps(WORDS[data]))
    output = folder.parent / f"kit_{data}_{shots}"  # arms with another gain reuse its scores
    run(
        "prompt_search",
        *(f"data.root={root}", f"ckpt={base}", f"synonyms={words}", f"output={output}"),
        *(f"shots={shots}", f"shots_seed={seed}", f"gain={gain}", "device=cpu"),
        *SIZES[data],
    )
    mean: Any = json.loads((output / "results.json").read_text())["mean"]
    return {f"{key}, {of}": mean[of][key] for key in ("AP", "F1") for of in ("names", "kit")}


def _synonyms(root: Path) -> Path:
    """ShapesWorld's pictures with synonyms as a user's folder: the first half to search on."""
    content = json.loads((SHAPES_WORLD / "annotations" / "synonyms.json").read_text())
    half = len(content["images"]) // 2
    for split, images in (("train", content["images"][:half]), ("val", content["images"][half:])):
        folder = root / split
        folder.mkdir(parents=True, exist_ok=True)
        ids = {image["id"] for image in images}
        for image in images:
            shutil.copy(SHAPES_WORLD / "images" / "synonyms" / image["file_name"], folder)
        boxes = [box for box in content["annotations"] if box["image_id"] in ids]
        own = {**content, "images": images, "annotations": boxes}
        (folder / "_annotations.coco.json").write_text(json.dumps(own))
    return root
