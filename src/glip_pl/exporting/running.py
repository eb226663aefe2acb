"""Runs an exported file by the library that it is for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

Arrays = dict[str, np.ndarray[Any, Any]]
"""Inputs by their names."""

Runner = Callable[[Arrays], list[np.ndarray[Any, Any]]]
"""Outputs in their order."""

FORMATS = {"onnx": ".onnx", "openvino": ".xml", "torch_export": ".pt2"}
"""Endings of the files."""


def runner(path: Path, format: str, **options: Any) -> Runner:
    """A function that runs a file on the CPU; `options` are those of OpenVINO's compilation."""
    readers: dict[str, Callable[..., Runner]] = {
        "onnx": _onnx,
        "openvino": _openvino,
        "torch_export": _torch_export,
    }
    return readers[format](path, **options)


def _onnx(path: Path) -> Runner:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])

    def run(inputs: Arrays) -> list[np.ndarray[Any, Any]]:
        outputs: list[np.ndarray[Any, Any]] = session.run(None, inputs)
        return outputs

    return run


def _openvino(path: Path, **options: Any) -> Runner:
    import openvino

    # Processors with bf16 would otherwise compute in it, and differ by more than the gate allows.
    settings = {"INFERENCE_PRECISION_HINT": "f32", **options}
    compiled = openvino.Core().compile_model(path, "CPU", settings)

    def run(inputs: Arrays) -> list[np.ndarray[Any, Any]]:
        result = compiled(inputs)
        return [np.array(result[output]) for output in compiled.outputs]

    return run


def _torch_export(path: Path) -> Runner:
    # Its guards refuse maps that are one position wide; their results are right all the same.
    module = torch.export.load(path).module(check_guards=False)

    def run(inputs: Arrays) -> list[np.ndarray[Any, Any]]:
        with torch.inference_mode():
            outputs = module(*map(torch.from_numpy, inputs.values()))
        return [output.numpy() for output in outputs]

    return run
