"""Files that the libraries themselves wrote are run with inputs by name."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glip_pl.exporting.running import FORMATS, runner


class Sum(nn.Module):
    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        return first + second, first * second


@pytest.mark.parametrize("format", list(FORMATS))
def test_all_outputs_in_their_order(format: str, tmp_path: Path) -> None:
    inputs = {"first": np.array([1.0, 2.0]), "second": np.array([3.0, 5.0])}
    program = torch.export.export(Sum(), tuple(map(torch.from_numpy, inputs.values())))
    path = tmp_path / f"sum{FORMATS[format]}"
    if format == "torch_export":
        torch.export.save(program, path)
    else:
        written = torch.onnx.export(program, (), dynamo=True, verbose=False)
        assert written is not None
        written.save(path.with_suffix(".onnx"))
    if format == "openvino":
        import openvino

        openvino.save_model(openvino.convert_model(path.with_suffix(".onnx")), path)
    total, product = runner(path, format)(inputs)
    assert total.tolist() == [4, 7]
    assert product.tolist() == [3, 10]
