"""How OpenVINO reads ONNX, with the operations that its own reader does not know."""

from pathlib import Path
from typing import Any, BinaryIO


def read_onnx(source: Path | BinaryIO) -> Any:
    """OpenVINO's model of an ONNX file."""
    import openvino
    from openvino.frontend import ConversionExtension

    core = openvino.Core()
    core.add_extension(ConversionExtension("DeformConv", _deformable_convolution))
    return core.read_model(source)


def _deformable_convolution(node: Any) -> Any:
    """ONNX's DeformConv with bias and mask as OpenVINO's operations; both pad with zeros."""
    from openvino import opset8

    features, weight, offsets, bias, mask = (node.get_input(number) for number in range(5))
    pads = node.get_attribute("pads")
    convolved = opset8.deformable_convolution(
        features,
        offsets,
        weight,
        node.get_attribute("strides"),
        pads[:2],
        pads[2:],
        node.get_attribute("dilations"),
        mask=mask,
        group=node.get_attribute("group"),
        deformable_group=node.get_attribute("offset_group"),
        bilinear_interpolation_pad=True,
    )
    channels = opset8.unsqueeze(bias, opset8.constant([0, 2, 3]))  # (1, C, 1, 1)
    return opset8.add(convolved, channels).outputs()
