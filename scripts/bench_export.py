"""Size, time and accuracy of a model in PyTorch, onnxruntime and OpenVINO on a CPU.

    python -m scripts.bench_export --ckpt <file> data=shapes
    python -m scripts.bench_export --ckpt <file> --images 72 data=custom data.root=<folder>
    python -m scripts.bench_export --model glip_t --images 2

The names of a test set are frozen into the files, as PyTorch reads them once, too. For each program
the median time of a picture, of programs that take turns twice, the ratio to PyTorch's, and the
set's main figure in the same pictures are printed. `--model` has random weights: only its sizes and
times mean something. In int8, matrix products and convolutions are quantized by onnxruntime with
the ranges of the pictures that follow the counted ones; OpenVINO reads the same file.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glip_pl.boxes import scale_to
from glip_pl.checkpoints.reading import CONFIG_KEY
from glip_pl.checkpoints.recipes import released_settings
from glip_pl.data.evaluation_set import EvaluationSet
from glip_pl.exporting.graph import Graph, Vocabulary
from glip_pl.exporting.openvino_operators import read_onnx
from glip_pl.exporting.parity import reference
from glip_pl.exporting.running import Arrays, runner
from glip_pl.exporting.writing import write
from glip_pl.inference.decoding import Decoder
from glip_pl.inference.predictor import Predictor
from glip_pl.running.build import build_data
from glip_pl.running.resolved_settings import resolve_evaluation
from glip_pl.running.settings import compose_settings
from glip_pl.types import Batch, Detections
from scripts.benchmarking import TOKENIZER_SOURCE, random_model, timed

ROUNDS = 2
"""How often each program detects in all pictures: one after the other, because threads that wait
for more work of one library would slow the next."""

Run = Callable[[Arrays], Sequence[Any]]
"""The outputs of a graph for its inputs."""


@dataclass(frozen=True)
class Program:
    """One way to compute a graph, and the megabytes of its files."""

    name: str
    megabytes: float
    run: Run


@dataclass(frozen=True)
class Picture:
    """A graph's inputs, and the batch that they are of."""

    arrays: Arrays
    batch: Batch


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt")
    parser.add_argument("--model", help="a model of conf/model with random weights instead")
    parser.add_argument("--images", type=int, default=50, help="of each set")
    parser.add_argument("--calibration", type=int, default=16, help="pictures for int8; 0: no int8")
    parser.add_argument("settings", nargs="*", default=["data=shapes"])
    options = parser.parse_args()
    if (options.ckpt is None) == (options.model is None):
        parser.error("give either --ckpt or --model")
    return options


def predictor_of(options: argparse.Namespace, folder: Path) -> Predictor:
    """The predictor of the checkpoint, or of a model with random weights."""
    if options.ckpt is not None:
        return Predictor.load(options.ckpt, "cpu")
    settings = released_settings(options.model)
    model = random_model(options.model, "cpu")
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    torch.save({CONFIG_KEY: settings, "state_dict": state}, folder / "random.ckpt")
    return Predictor.load(folder / "random.ckpt", "cpu", tokenizer=TOKENIZER_SOURCE)


def test_sets(predictor: Predictor, settings: Sequence[str]) -> Mapping[str, EvaluationSet]:
    """The test sets of the settings, at the checkpoint's own size."""
    composed = compose_settings([*settings, f"ckpt={predictor.checkpoint}"], "evaluate")
    return build_data(resolve_evaluation(composed, predictor.config or {}), train=False).test


def frozen_graph(predictor: Predictor, dataset: EvaluationSet) -> Graph:
    """The computation for the names of a set, which fit into one prompt."""
    (chunk,) = dataset.vocabulary
    names = tuple(map(chunk.prompt.phrase_text, range(len(chunk.prompt.phrases))))
    (question,) = predictor.encode(list(names)).questions
    words = Vocabulary(question.text, question.phrase_masks, names)
    return Graph(predictor.model, Decoder(), words).eval()


def pictures(
    predictor: Predictor, dataset: EvaluationSet, numbers: Sequence[int]
) -> Iterator[Picture]:
    """The inputs for some samples of a set, one at a time."""
    for number in numbers:
        batch = predictor.collate([dataset[number]])
        arrays = {"images": batch.images.contiguous().numpy(), "sizes": batch.sizes.numpy()}
        yield Picture(arrays, batch)


def by_torch(graph: Graph, bf16: bool) -> Run:
    """PyTorch as `predict` runs it."""

    def run(arrays: Arrays) -> Sequence[Any]:
        with torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext():
            return [tensor.numpy() for tensor in reference(graph, arrays)]

    return run


def quantized(file: Path, examples: Sequence[Picture]) -> Path:
    """The file with matrix products and convolutions in int8."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Examples(CalibrationDataReader):  # type: ignore[misc]  # the library has no types
        def __init__(self) -> None:
            self.rest = iter(examples)

        def get_next(self) -> Arrays | None:
            picture = next(self.rest, None)
            return None if picture is None else picture.arrays

    target = file.with_stem(f"{file.stem}_int8")
    quantize_static(
        file, target, Examples(), op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        per_channel=True, weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
    )  # fmt: skip
    return target


def megabytes(*files: Path) -> float:
    """The size of some files together."""
    return sum(file.stat().st_size for file in files) / 1e6


def programs(graph: Graph, folder: Path, examples: Sequence[Picture]) -> Iterator[Program]:
    """All ways to compute a graph; int8 needs examples."""
    weights = sum(value.nbytes for value in graph.state_dict().values()) / 1e6
    yield Program("torch fp32", weights, by_torch(graph, bf16=False))
    yield Program("torch bf16", weights, by_torch(graph, bf16=True))
    onnx = folder / "graph.onnx"
    write(graph, onnx, "onnx", {})
    yield Program("onnxruntime fp32", megabytes(onnx), runner(onnx, "onnx"))
    for precision, hint in (("fp32", "f32"), ("bf16", "bf16")):
        yield by_openvino(onnx, precision, hint)
    if examples:
        int8 = quantized(onnx, examples)
        yield Program("onnxruntime int8", megabytes(int8), runner(int8, "onnx"))
        try:
            yield by_openvino(int8, "int8", "f32")
        except RuntimeError as error:  # of the library itself, for some models
            print(f"  openvino int8 fails: {str(error).strip().splitlines()[-1]}")


def by_openvino(onnx: Path, precision: str, hint: str) -> Program:
    """A file of ONNX, converted."""
    from openvino import save_model

    file = onnx.with_suffix(".xml")
    save_model(read_onnx(onnx), file, compress_to_fp16=False)
    run = runner(file, "openvino", INFERENCE_PRECISION_HINT=hint)
    return Program(f"openvino {precision}", megabytes(file, file.with_suffix(".bin")), run)


def detections(outputs: Sequence[Any], batch: Batch) -> Detections:
    """A graph's outputs for one picture, in the pixels of its file."""
    _, boxes, scores, phrases = (torch.from_numpy(np.asarray(value)) for value in outputs)
    corners: Tensor = boxes.float() - torch.tensor([0.0, 0.0, 1.0, 1.0])
    (size,), (original,) = batch.sizes.tolist(), batch.original_sizes.tolist()
    return Detections(scale_to(corners, size, original), scores.float(), phrases)


def measure(
    predictor: Predictor, name: str, dataset: EvaluationSet, options: argparse.Namespace
) -> None:
    """Print a row for each program."""
    count = min(options.images, len(dataset) - options.calibration)
    chosen = list(pictures(predictor, dataset, range(count)))
    others = list(pictures(predictor, dataset, range(count, count + options.calibration)))
    with tempfile.TemporaryDirectory() as folder:
        found = list(programs(frozen_graph(predictor, dataset), Path(folder), others))
        metrics = [dataset.new_metric() for _ in found]
        seconds: list[list[float]] = [[] for _ in found]
        for program, metric, times in list(zip(found, metrics, seconds, strict=True)) * ROUNDS:
            metric.reset()  # each round finds the same
            for picture in chosen:
                second, outputs = timed(partial(program.run, picture.arrays))
                times.append(second)
                metric.update([detections(outputs, picture.batch)], picture.batch.image_ids)
    height, width = chosen[0].batch.images.shape[2:]
    print(f"{name}: {count} pictures, the first of {height} x {width} pixels at the input")
    for program, metric, times in zip(found, metrics, seconds, strict=True):
        figure = metric.compute()[metric.headline]
        print(
            f"  {program.name:<17} {program.megabytes:7.1f} MB {median(times) * 1e3:8.1f} ms, "
            f"{median(seconds[0]) / median(times):5.2f} times as fast, "
            f"{metric.headline} {100 * figure:.1f}"
        )


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        predictor = predictor_of(options, Path(folder))
        for name, dataset in test_sets(predictor, options.settings).items():
            measure(predictor, name, dataset, options)


if __name__ == "__main__":
    main()
