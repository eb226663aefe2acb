"""Where recorded cases lie, and what a case holds."""

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from glip_pl.checkpoints import official
from glip_pl.data.collate import Collate
from glip_pl.models.glip import GLIP
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import load_tokenizer
from glip_pl.spans import Phrase
from glip_pl.types import Batch, Prompt, Sample
from scripts.benchmarking import random_model
from tests.conftest import MINILM, SHARED
from tests.parity.weights import filled

COMMITTED = Path(__file__).parent / "data"
MODELS = {"A": "glip_t_a", "B": "glip_t", "C": "glip_t", "L": "glip_l"}
"""Official releases by letter, and their `model=` here."""


def folder() -> Path:
    """GLIP_PL_PARITY_DIR, else the shared folder beside the checkout, else the committed part."""
    named = os.environ.get("GLIP_PL_PARITY_DIR")
    if named:
        return Path(named)
    shared = SHARED / "parity"
    return shared if shared.is_dir() else COMMITTED


def find(name: str) -> Path:
    """A file of the folder in use, or the committed one of that name."""
    path = folder() / name
    return path if path.is_file() else COMMITTED / name


def read(name: str) -> Any:
    """A JSON file."""
    return json.loads(find(name).read_text())


def listed(training: bool) -> list[str]:
    """Names of the cases in the folder, training or inference."""
    found = []
    for path in sorted(folder().glob("*.json")):
        content = json.loads(path.read_text())
        if "model" in content and "captions" in content and ("losses" in content) == training:
            found.append(path.stem)
    return found


@lru_cache(maxsize=1)
def model(letter: str) -> GLIP:
    """The release with the deterministic weights; one is kept, for they are large."""
    built = random_model(MODELS[letter], "cpu")
    built.load_state_dict(official.convert(filled(read(f"keys_{letter}.json"))))
    return built.eval()


class Case:
    """One recorded run: its description and its tensors."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.about: dict[str, Any] = read(f"{name}.json")
        self.letter: str = self.about["model"]
        self.tensors: dict[str, Tensor] = {}
        for path in sorted(folder().glob(f"{name}*.safetensors")):
            if path.stem == name or path.stem.removeprefix(name).startswith("_"):
                self.tensors |= load_file(path)

    def prompts(self) -> list[Prompt]:
        """The prompts by our own building, or captions with the spans that were recorded."""
        if "categories" in self.about:
            return [names_prompt(self.about["categories"])] * len(self.about["captions"])
        if "spans" in self.about:
            return [
                Prompt(caption, tuple(_phrase(spans) for spans in self.about["spans"]))
                for caption in self.about["captions"]
            ]
        return [
            Prompt(caption, tuple(dict.fromkeys(_phrase(spans) for spans in boxes)))
            for caption, boxes in zip(
                self.about["captions"], self.about["tokens_positive"], strict=True
            )
        ]

    def batch(self) -> Batch:
        """The recorded images, prompts and, in training, boxes, through our own pipeline."""
        samples = []
        for index, prompt in enumerate(self.prompts()):
            image = self.tensors[f"rgb_{index}"]
            boxes, ids = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
            if "tokens_positive" in self.about:
                owners = [_phrase(spans) for spans in self.about["tokens_positive"][index]]
                boxes = self.tensors[f"gt{index}_boxes"]
                ids = torch.tensor([prompt.phrases.index(owner) for owner in owners])
            size = (image.shape[1], image.shape[2])
            samples.append(Sample(image, boxes, ids, prompt, index, size))
        return Collate(load_tokenizer(MINILM))(samples)


def _phrase(spans: list[list[int]]) -> Phrase:
    return tuple((start, end) for start, end in spans)
