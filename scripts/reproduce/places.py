"""What commands read that is not in the repository: `<bccd>` in a command is its folder."""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from scripts.beyond.figures import BCCD
from scripts.reproduce.page import ROOT

BASE, FOLDER = "base", "folder"

ADVICE = {
    BASE: "a checkpoint of experiment=shapes_pretrain: give --base <file>, or run the entry base",
    "bccd": "blood cells (https://github.com/Shenggan/BCCD_Dataset) as COCO JSON: set GLIP_BCCD",
    "coco_mini_cc": "photographs with captions as COCO JSON: set GLIP_COCO_MINI_CC",
    "recordings": "recorded outputs of the official code: set GLIP_PL_PARITY_DIR",
}
"""What each place is, and how to name it."""

_PLACE = re.compile(r"<(\w+)>")


def local_places(base: Path | None) -> dict[str, Path]:
    """The places that exist on this machine, by name."""
    named = {
        "bccd": BCCD,
        "coco_mini_cc": Path(os.environ.get("GLIP_COCO_MINI_CC", "data/coco_mini_cc")),
        "recordings": Path(os.environ.get("GLIP_PL_PARITY_DIR", ROOT.parent / "shared" / "parity")),
    }
    found = {name: (ROOT / path).resolve() for name, path in named.items()}
    present = {name: path for name, path in found.items() if path.is_dir()}
    return present if base is None else present | {BASE: base.resolve()}


def needs(command: str) -> list[str]:
    """The places that a command reads."""
    return [name for name in dict.fromkeys(_PLACE.findall(command)) if name != FOLDER]


def filled(command: str, places: Mapping[str, Path]) -> str:
    """The command with every place replaced by its path. Raises KeyError if one is absent."""
    return _PLACE.sub(lambda match: shlex.quote(str(places[match[1]])), command)
