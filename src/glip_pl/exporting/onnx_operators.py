"""How operations that ONNX has under other names are written to a file (operator set 20)."""

from collections.abc import Callable
from typing import Any

import torch
import torchvision  # noqa: F401  # defines torch.ops.torchvision

from glip_pl.exporting import selection  # noqa: F401  # defines torch.ops.glip_pl

OPSET = 20
"""Version of the operators: DeformConv exists since 19, and affine grids since 20."""

MOST = 2**31 - 1
"""Boxes of a phrase that may stay: no limit."""


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Functions that write an operation of PyTorch as ONNX."""
    from onnxscript import opset20 as op

    def deform_conv(
        features: Any, weight: Any, offset: Any, mask: Any, bias: Any,
        stride_h: int, stride_w: int, pad_h: int, pad_w: int, dilation_h: int, dilation_w: int,
        groups: int, offset_groups: int, use_mask: bool,
    ) -> Any:  # fmt: skip
        return op.DeformConv(
            features, weight, offset, bias, mask,
            dilations=[dilation_h, dilation_w], group=groups, offset_group=offset_groups,
            pads=[pad_h, pad_w, pad_h, pad_w], strides=[stride_h, stride_w],
        )  # fmt: skip

    def non_max_suppression(boxes: Any, scores: Any, iou: float) -> Any:
        return op.NonMaxSuppression(
            boxes, scores, op.Constant(value_ints=[MOST]), op.Constant(value_floats=[iou]),
            op.Constant(value_floats=[0.0]),
        )  # fmt: skip

    return {
        torch.ops.torchvision.deform_conv2d.default: deform_conv,
        torch.ops.glip_pl.select_boxes.default: non_max_suppression,
    }
