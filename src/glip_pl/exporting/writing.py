"""Writes a graph as ONNX, OpenVINO or a program of torch.export."""

import io
import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from glip_pl.errors import require_extra
from glip_pl.exporting.even_convolutions import make_even
from glip_pl.exporting.graph import Graph
from glip_pl.exporting.openvino_operators import read_onnx
from glip_pl.models.plain_forms import plain_forms
from glip_pl.types import MAX_TOKENS

MULTIPLE = 32
"""Sides of the images of a batch are multiples of this many pixels."""

MOST = {"batch": 1024, "rows": 256, "columns": 256, "phrases": MAX_TOKENS}
"""Largest sizes of a graph: images, blocks of 32 pixels, phrases."""


def require(format: str) -> None:
    """Raise UserError unless the libraries that write and check a format are installed."""
    for module in () if format == "torch_export" else ("onnx", "onnxruntime", "onnxscript"):
        require_extra(module, "export", f"format={format}")
    if format == "openvino":
        require_extra("openvino", "openvino", "format=openvino")


def write(graph: Graph, path: Path, format: str, metadata: dict[str, str]) -> None:
    """Write a graph; OpenVINO is converted from ONNX, and has a second file of the weights."""
    program = exported(graph)
    if format == "torch_export":
        torch.export.save(program, path, extra_files=dict(metadata))
        return
    import onnx

    model = _as_onnx(program, graph)
    for name, value in metadata.items():
        model.metadata_props.add(key=name, value=value)
    if format == "onnx":
        onnx.save(model, path)
        return
    import openvino

    converted = read_onnx(io.BytesIO(model.SerializeToString()))
    openvino.save_model(converted, path, compress_to_fp16=False)


def exported(graph: Graph) -> ExportedProgram:
    """The program of a graph for any batch, size, number of tokens and of phrases."""
    make_even(graph)
    inputs, sizes = _example(graph)
    with torch.no_grad(), plain_forms(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(graph, inputs, dynamic_shapes=sizes, strict=False)


def _example(graph: Graph) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    """Inputs to trace a graph with, and which of their sizes may be others.

    No size is 1 in any level, because a size of 1 would be taken as fixed.
    """
    tables = [len(table) for table in graph.model.prompts.parameters()]
    most = MOST | {"tokens": min([MAX_TOKENS, *tables])}
    size = {name: Dim(name, min=2 if name == "tokens" else 1, max=most[name]) for name in most}
    height, width, tokens = 10 * MULTIPLE, 12 * MULTIPLE, min(7, most["tokens"])
    pixels = torch.zeros(2, 3, height, width, dtype=torch.uint8)
    examples: dict[str, tuple[Tensor, Any]] = {
        "images": (
            pixels,
            {0: size["batch"], 2: MULTIPLE * size["rows"], 3: MULTIPLE * size["columns"]},
        ),
        "sizes": (torch.tensor([[height, width]] * 2), {0: size["batch"]}),
        "tokens": (
            torch.ones(2, tokens, dtype=torch.int64),
            {0: size["batch"], 1: size["tokens"]},
        ),
        "attention_mask": (
            torch.ones(2, tokens, dtype=torch.bool),
            {0: size["batch"], 1: size["tokens"]},
        ),
        "phrase_masks": (
            torch.ones(2, 3, tokens, dtype=torch.bool),
            {0: size["batch"], 1: size["phrases"], 2: size["tokens"]},
        ),
    }
    names: Sequence[str] = graph.input_names
    return tuple(examples[name][0] for name in names), {name: examples[name][1] for name in names}


def _as_onnx(program: ExportedProgram, graph: Graph) -> Any:
    """A program as an ONNX model."""
    from glip_pl.exporting.onnx_operators import OPSET, translations

    for name in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        written = torch.onnx.export(
            program, (), dynamo=True, opset_version=OPSET, verbose=False,
            custom_translation_table=translations(), input_names=graph.input_names,
            output_names=graph.output_names,
        )  # fmt: skip
    assert written is not None
    model = written.model_proto
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]  # lines of code that each comes from: a third of a small file
    return model
