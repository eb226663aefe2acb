"""GLIP-T beside transformers' Grounding DINO tiny: `python -m scripts.bench_model`.

Both models have random weights. Measured are inference on an image of 800 x 1216 with COCO's 80
names (194 tokens) and with ten words, and a training step (forward, loss, backward) at 512 x 512.
Each model has its own process, so that peak memory is its own; both alternate, so that their times
belong to the same run.
"""

import argparse
import multiprocessing as mp
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from glip_pl.prompts.tokens import load_tokenizer
from scripts.benchmarking import TOKENIZER_SOURCE, now, random_model, seconds_of

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
    """A measurement that both models take, in turn."""

    name: str
    text: str
    size: tuple[int, int]  # height, width
    training: bool


TASKS = (
    Task("inference, 80 names", COCO, INFERENCE, training=False),
    Task("inference, ten words", TEN_WORDS, INFERENCE, training=False),
    Task("training step", COCO, TRAINING, training=True),
)


class Stages:
    """Seconds that the forward passes of a model's modules take, by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def watch(self, stage: str, *modules: nn.Module) -> None:
        """Add the time of these modules to a stage."""
        for module in modules:
            started: list[float] = []
            module.register_forward_pre_hook(lambda *_, s=started: s.append(now()))
            module.register_forward_hook(lambda *_, s=started: self._add(stage, now() - s.pop()))

    def _add(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


def glip(device: str) -> tuple[Callable[[Task], Callable[[], Any]], Stages]:
    """GLIP-T as a function that prepares a task and returns how to run it, and its stages."""
    from glip_pl.data.collate import Collate
    from glip_pl.inference.decoding import Decoder
    from glip_pl.losses.grounding import GroundingLoss
    from glip_pl.prompts.prompt_from_text import text_prompt
    from glip_pl.types import Sample

    model = random_model("glip_t", device)
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
    """As `glip`, for transformers' default configuration, which is that of the tiny model."""
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
    """BERT's tokenizer."""
    return load_tokenizer(TOKENIZER_SOURCE)


def picture(size: tuple[int, int]) -> Tensor:
    """Noise (3, H, W) uint8."""
    return torch.randint(0, 256, (3, *size), dtype=torch.uint8)


def targets(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Three boxes, as corners in pixels and as centre and size relative to the image."""
    centers = torch.tensor([[0.3, 0.3], [0.6, 0.5], [0.5, 0.7]])
    extents = torch.tensor([[0.2, 0.3], [0.4, 0.4], [0.1, 0.1]])
    scale = torch.tensor([size[1], size[0]] * 2)
    corners = torch.cat([centers - extents / 2, centers + extents / 2], dim=1) * scale
    return corners, torch.cat([centers, extents], dim=1)


def serve(name: str, threads: int, device: str, pipe: Connection) -> None:
    """A model's process: runs the tasks that it receives and sends back time and memory."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    prepare, stages = MODELS[name](device)
    task = None
    while (next_task := pipe.recv()) is not None:
        if next_task != task:
            task, run = next_task, prepare(next_task)
            run()  # warms up
            reset_peak(device)
        stages.seconds.clear()
        seconds = seconds_of(run)
        pipe.send((seconds, dict(stages.seconds), peak_gb(device)))


def reset_peak(device: str) -> None:
    """Measure peak memory from now on."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    elif (file := Path("/proc/self/clear_refs")).exists():
        file.write_text("5")  # Linux: resets VmHWM


def peak_gb(device: str) -> float:
    """Peak memory since `reset_peak`: of the GPU, or on Linux this process's resident memory."""
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
        arguments = (name, options.threads, options.device, theirs)
        context.Process(target=serve, args=arguments, daemon=True).start()
        theirs.close()  # so that a process that dies is noticed
    where = torch.cuda.get_device_name() if options.device != "cpu" else f"{options.threads} cores"
    print(f"{where}, torch {torch.__version__}, float32, medians of {options.rounds} rounds")
    for task in TASKS:
        measurements: dict[str, list[Any]] = {name: [] for name in MODELS}
        for _ in range(options.rounds):
            for name, pipe in pipes.items():
                pipe.send(task)
                measurements[name].append(pipe.recv())
        report(task, measurements)
    for pipe in pipes.values():
        pipe.send(None)


def report(task: Task, measurements: dict[str, list[Any]]) -> None:
    """Print times, memory and stages of both models, and the ratios."""
    print(f"\n{task.name}, {task.size[0]} x {task.size[1]}")
    seconds, memory = {}, {}
    for name, rounds in measurements.items():
        seconds[name] = median(second for second, _, _ in rounds)
        memory[name] = max(peak for _, _, peak in rounds)
        stage_seconds = {
            stage: median(stages[stage] for _, stages, _ in rounds) for stage in rounds[0][1]
        }
        shares = ", ".join(
            f"{stage} {100 * part / seconds[name]:.0f} %" for stage, part in stage_seconds.items()
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
