"""How operations of ONNX that OpenVINO's reader does not know are read."""

from typing import Any


def extensions() -> list[Any]:
    """Extensions of OpenVINO's reader: the deformable convolution."""
    from openvino.frontend import ConversionExtension

    return [ConversionExtension("DeformConv", _deformable_convolution)]


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
