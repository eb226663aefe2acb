"""OpenVINO computes the deformable convolution as onnxruntime does."""

import io

import numpy as np
import openvino
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from glip_pl.exporting.onnx_operators import OPSET
from glip_pl.exporting.openvino_operators import read_onnx


def test_a_deformable_convolution_with_bias_and_mask() -> None:
    random = np.random.default_rng(0)
    shapes = {
        "features": (2, 4, 7, 9), "weight": (6, 4, 3, 3), "offsets": (2, 18, 4, 5),
        "bias": (6,), "mask": (2, 9, 4, 5),
    }  # fmt: skip
    values = {name: random.normal(size=size).astype(np.float32) for name, size in shapes.items()}
    values["offsets"] *= 3  # so that many positions are outside
    node = helper.make_node(
        "DeformConv", list(shapes), ["found"], strides=[2, 2], pads=[1, 1, 1, 1],
        dilations=[1, 1], group=1, offset_group=1,
    )  # fmt: skip
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, size)
        for name, size in shapes.items()
    ]
    output = helper.make_tensor_value_info("found", TensorProto.FLOAT, (2, 6, 4, 5))
    graph = helper.make_graph([node], "one", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    content = model.SerializeToString()
    (expected,) = InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, values)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    model = read_onnx(io.BytesIO(content))
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    assert np.abs(compiled(values)[0] - expected).max() < 1e-4
