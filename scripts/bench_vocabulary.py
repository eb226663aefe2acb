"""1,203 categories on one image: the image encoded once, beside the whole model for each prompt.

    python -m scripts.bench_vocabulary
    python -m scripts.bench_vocabulary --model glip_t_a --device cuda

Random weights; the names are split into prompts of 40, as for LVIS. Both sides alternate and must
find the same boxes; the ratio of their times is the result. Encoding the prompts is timed
separately, because an evaluation does it once for all images.
"""

import argparse
from collections.abc import Sequence
from statistics import median

import torch

from glip_pl.data.collate import Collate
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.large_vocabulary import detect_categories, read_questions
from glip_pl.models.glip import GLIP
from glip_pl.prompts.chunking import Chunk, chunks
from glip_pl.prompts.prompt_from_text import Wording
from glip_pl.prompts.tokens import Tokenizer, load_tokenizer, name_lengths
from glip_pl.types import Batch, Detections, Sample
from scripts.benchmarking import TOKENIZER_SOURCE, random_model, timed

ADJECTIVES = ("small red", "electric", "wooden", "old")
NOUNS = ("chair", "fire hydrant", "umbrella", "wine bottle", "traffic sign", "dog", "teapot")
NAMES_PER_PROMPT = 40
PRIOR_BIAS = -2.9
"""The head's bias: with its usual start, random weights give almost no box a score to decode."""


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="glip_t")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--categories", type=int, default=1203)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--width", type=int, default=1216)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--memory-gb", type=float, default=None)
    return parser.parse_args()


def prompts(tokenizer: Tokenizer, count: int) -> list[Chunk]:
    """Prompts with `count` names, which are about as long as those of LVIS."""
    phrases = [f"{adjective} {noun}" for adjective in ADJECTIVES for noun in NOUNS] + list(NOUNS)
    wordings = [Wording(phrases[number % len(phrases)]) for number in range(count)]
    lengths = name_lengths(tokenizer, [wording.text for wording in wordings])
    return list(chunks(wordings, lengths, NAMES_PER_PROMPT))


def batches_of(
    vocabulary: Sequence[Chunk], tokenizer: Tokenizer, options: argparse.Namespace
) -> list[Batch]:
    """One image of noise with each of the prompts."""
    image = torch.randint(0, 255, (3, options.height, options.width), dtype=torch.uint8)
    boxes, phrase_ids = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    size = (options.height, options.width)
    collate = Collate(tokenizer)
    return [
        collate([Sample(image, boxes, phrase_ids, chunk.prompt, 0, size)]).to(options.device)
        for chunk in vocabulary
    ]


def whole_model(
    model: GLIP, decoder: Decoder, batches: Sequence[Batch], vocabulary: Sequence[Chunk]
) -> Detections:
    """What the whole model finds by one prompt after the other."""
    boxes, scores, labels = [], [], []
    for batch, chunk in zip(batches, vocabulary, strict=True):
        output = model(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        (detections,) = decoder(output, batch)
        boxes.append(detections.boxes)
        scores.append(detections.scores)
        labels.append(detections.phrase_ids + chunk.first)
    return Detections(torch.cat(boxes), torch.cat(scores), torch.cat(labels))


def difference(ours: Detections, theirs: Detections) -> str:
    """How far two sets of detections differ."""
    if len(ours) != len(theirs):
        return f"{len(ours)} and {len(theirs)} boxes"

    def ordered(detections: Detections) -> torch.Tensor:
        keys = detections.phrase_ids.double() * 10 - detections.scores.double()
        order = keys.argsort(stable=True)
        return torch.cat([detections.scores[order, None], detections.boxes[order]], 1)

    distances = (ordered(ours) - ordered(theirs)).abs()
    return (
        f"{len(ours)} boxes each, scores within {float(distances[:, 0].max()):.1e}, "
        f"median corner within {float(distances[:, 1:].amax(1).median()):.1e} px"
    )


@torch.inference_mode()
def main() -> None:
    options = read_options()
    torch.manual_seed(0)
    model = random_model(options.model, options.device).eval()
    torch.nn.init.constant_(model.head.prior_bias, PRIOR_BIAS)
    tokenizer, decoder = load_tokenizer(TOKENIZER_SOURCE), Decoder(max_detections=300)
    vocabulary = prompts(tokenizer, options.categories)
    batches = batches_of(vocabulary, tokenizer, options)
    device = torch.device(options.device)
    seconds, questions = timed(lambda: read_questions(model, tokenizer, vocabulary, device))
    print(f"{len(vocabulary)} prompts read in {seconds:.1f} s, once")
    model(batches[0].images, batches[0].sizes, batches[0].tokens, batches[0].attention_mask)
    rounds = [
        (
            timed(
                lambda: detect_categories(model, decoder, questions, batches[0], options.memory_gb)
            ),
            timed(lambda: whole_model(model, decoder, batches, vocabulary)),
        )
        for _ in range(options.rounds)
    ]
    print(f"{options.model}, {options.categories} categories, {options.height} x {options.width}")
    print(f"image encoded once         {median(once[0] for once, _ in rounds):8.2f} s")
    print(f"whole model per prompt     {median(whole[0] for _, whole in rounds):8.2f} s")
    ratio = median(whole[0] / once[0] for once, whole in rounds)
    print(f"ratio                      {ratio:8.2f}")
    (_, (detections,)), (_, expected) = rounds[-1]
    print(difference(detections, expected))


if __name__ == "__main__":
    main()
