"""onnxruntime runs the two operations that need a translation, with the same results."""

from pathlib import Path

import onnxruntime
import torch
from torch import Tensor, nn

from glip_pl.exporting.onnx_operators import OPSET, translations
from glip_pl.exporting.selection import select_boxes
from glip_pl.models.deform_conv import DeformConv
from glip_pl.models.plain_forms import plain_forms


class Both(nn.Module):
    """A deformable convolution and a suppression."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = DeformConv(32, 2, 16)

    def forward(
        self, features: Tensor, positions: Tensor, boxes: Tensor, scores: Tensor
    ) -> tuple[Tensor, Tensor]:
        return self.layer(features, positions), select_boxes(boxes, scores, 0.5)


def test_onnxruntime_computes_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    corner = torch.rand(2, 30, 2) * 20
    inputs = (
        *(torch.randn(2, 32, 9, 7), 3 * torch.randn(2, 27, 5, 4)),
        *(torch.cat([corner, corner + 15], dim=2), torch.rand(2, 3, 30)),
    )
    module = Both().eval()
    expected, kept = module(*inputs)
    with torch.no_grad(), plain_forms():
        program = torch.export.export(module, inputs, strict=False)
    written = torch.onnx.export(
        program, (), dynamo=True, opset_version=OPSET, verbose=False,
        custom_translation_table=translations(),
    )  # fmt: skip
    assert written is not None
    written.save(tmp_path / "both.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "both.onnx")
    names = [value.name for value in session.get_inputs()]
    values = [value.numpy() for value in inputs]
    convolved, selected = session.run(None, dict(zip(names, values, strict=True)))
    torch.testing.assert_close(torch.from_numpy(convolved), expected, atol=1e-5, rtol=1e-5)
    assert {tuple(row) for row in selected.tolist()} == {tuple(row) for row in kept.tolist()}
