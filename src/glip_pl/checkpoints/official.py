"""Released GLIP files: one ordered table from official names of weights to the names here."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from glip_pl.errors import UserError, some

WRAPPER_PREFIX = "module."
"""Prefix of every key in a file that was saved from a distributed run."""

FIRST_LAYER = "backbone.body.patch_embed.proj.weight"
"""Key by which a released GLIP is recognised: the first layer of its Swin Transformer."""

LARGE_WIDTH = 192
"""Output channels of the first layer of Swin-L; that of Swin-T has 96."""

TOWER = "rpn.head.dyhead_tower"
"""Official name of the sequence of fusions, text layers and dynamic convolutions."""

MAX_MODULES = 999
"""Most modules of a tower that is converted; that of GLIP-L has 24."""

DROPPED = (
    (
        r".*\.relative_position_index",
        "a constant of the window size, computed when the model is built",
    ),
    (
        r".*\.embeddings\.position_ids",
        "the numbers 0, 1, 2, ..., which older versions of transformers saved",
    ),
    (r"rpn\.anchor_generator\.cell_anchors\.\d", "computed from the strides"),
    (r"rpn\.head\.cls_logits\..*", "a classifier whose output and loss are multiplied by zero"),
    (
        r"language_backbone\.body\.model\.pooler\..*",
        "GLIP uses the features of tokens, not of the whole sentence",
    ),
    (r"rpn\.head\.mlm_head\..*", "for masked language modelling, which detection does not use"),
    (
        r"rpn\.resizer\..*",
        "projects words for a contrastive loss of the official code, which GLIP does not use",
    ),
)
"""Patterns of official keys without a counterpart here, and why they are not needed."""

PROMPT = "rpn.tunable_linear"
"""Official name of the table of a learned prompt, which only files after prompt tuning have."""

ENCODERS = (
    ("backbone.body.patch_embed", "image_encoder.body.patch_embed"),
    # timm counts the down-sampling between two stages to the second one.
    ("backbone.body.layers.0.downsample", "image_encoder.body.layers_1.downsample"),
    ("backbone.body.layers.1.downsample", "image_encoder.body.layers_2.downsample"),
    ("backbone.body.layers.2.downsample", "image_encoder.body.layers_3.downsample"),
    ("backbone.body.layers.0.blocks", "image_encoder.body.layers_0.blocks"),
    ("backbone.body.layers.1.blocks", "image_encoder.body.layers_1.blocks"),
    ("backbone.body.layers.2.blocks", "image_encoder.body.layers_2.blocks"),
    ("backbone.body.layers.3.blocks", "image_encoder.body.layers_3.blocks"),
    ("backbone.body.norm1", "image_encoder.norms.0"),
    ("backbone.body.norm2", "image_encoder.norms.1"),
    ("backbone.body.norm3", "image_encoder.norms.2"),
    ("backbone.fpn.fpn_inner2", "fpn.lateral.0"),
    ("backbone.fpn.fpn_inner3", "fpn.lateral.1"),
    ("backbone.fpn.fpn_inner4", "fpn.lateral.2"),
    ("backbone.fpn.fpn_layer2", "fpn.smooth.0"),
    ("backbone.fpn.fpn_layer3", "fpn.smooth.1"),
    ("backbone.fpn.fpn_layer4", "fpn.smooth.2"),
    ("backbone.fpn.top_blocks.p6", "fpn.p6"),
    ("backbone.fpn.top_blocks.p7", "fpn.p7"),
    ("language_backbone.body.model", "text_encoder.bert"),
    (PROMPT, "prompts.0"),
)
CROSS_ATTENTION = (
    ("b_attn.layer_norm_v", "image_norm"),
    ("b_attn.layer_norm_l", "text_norm"),
    ("b_attn.gamma_v", "image_scale"),
    ("b_attn.gamma_l", "text_scale"),
    ("b_attn.attn.v_proj", "attention.image_query"),
    ("b_attn.attn.l_proj", "attention.text_key"),
    ("b_attn.attn.values_v_proj", "attention.image_value"),
    ("b_attn.attn.values_l_proj", "attention.text_value"),
    ("b_attn.attn.out_v_proj", "attention.image_out"),
    ("b_attn.attn.out_l_proj", "attention.text_out"),
)
TEXT_LAYER = (
    ("attention.self.query", "query"),
    ("attention.self.key", "key"),
    ("attention.self.value", "value"),
    ("attention.output.dense", "attention_out"),
    ("attention.output.LayerNorm", "attention_norm"),
    ("intermediate.dense", "expand"),
    ("output.dense", "contract"),
    ("output.LayerNorm", "out_norm"),
)
DYNAMIC_CONV = (
    ("DyConv.0.conv", "from_coarser"),
    ("DyConv.0.bn", "from_coarser.norm"),
    ("DyConv.1.conv", "from_same"),
    ("DyConv.1.bn", "from_same.norm"),
    ("DyConv.2.conv", "from_finer"),
    ("DyConv.2.bn", "from_finer.norm"),
    ("AttnConv.1", "scale_attention"),
    ("relu.fc.0", "activation.squeeze"),
    ("relu.fc.2", "activation.excite"),
    ("offset", "offset"),
)
HEAD = (
    ("rpn.head.dot_product_projection_text", "head.text_projection"),
    ("rpn.head.log_scale", "head.log_scale"),
    ("rpn.head.bias_lang", "head.token_bias"),
    ("rpn.head.bias0", "head.prior_bias"),
    ("rpn.head.bbox_pred", "head.box"),
    ("rpn.head.centerness", "head.centerness"),
    ("rpn.head.scales.0.scale", "head.level_scales.0"),
    ("rpn.head.scales.1.scale", "head.level_scales.1"),
    ("rpn.head.scales.2.scale", "head.level_scales.2"),
    ("rpn.head.scales.3.scale", "head.level_scales.3"),
    ("rpn.head.scales.4.scale", "head.level_scales.4"),
)
PART_OF_ENCODER = (
    r"(proj|norm|reduction)",  # of the patch embedding and the down-sampling
    r"\d+\.(norm1|norm2|attn\.qkv|attn\.proj|mlp\.fc1|mlp\.fc2)",  # of a stage of Swin
    r"embeddings\.(word_embeddings|position_embeddings|token_type_embeddings|LayerNorm)",
    rf"encoder\.layer\.\d+\.({'|'.join(official for official, _ in TEXT_LAYER)})",
)
"""Patterns of the modules inside those of ENCODERS; their names are the same here."""

PARAMETER = re.compile(
    rf"((\.({'|'.join(PART_OF_ENCODER)}))?\.(weight|bias)"
    r"|\.\d+\.attn\.relative_position_bias_table)?"
)
"""What follows the official name in a row of `table`; nothing, where that is a parameter itself."""


def table(layers: int, fused: bool) -> list[tuple[str, str]]:
    """Rows of an official module or parameter and its name here, in the order of the network.

    The official tower is one flat sequence: fusion, text layer and dynamic convolution of layer 0,
    then those of layer 1, and so on; without fusion it has dynamic convolutions only.
    """
    rows = list(ENCODERS)
    for layer in range(layers):
        index = 3 * layer if fused else layer
        if fused:
            fusion = f"fusions.{layer}"
            rows += _below(f"{TOWER}.{index}", f"{fusion}.cross_attention", CROSS_ATTENTION)
            rows += _below(f"{TOWER}.{index + 1}", f"{fusion}.text_layer", TEXT_LAYER)
            index += 2
        rows += _below(f"{TOWER}.{index}", f"dynamic_convs.{layer}", DYNAMIC_CONV)
    return rows + list(HEAD)


def _below(official: str, ours: str, rows: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """The rows, with the official name of a module and ours put in front of the names."""
    return ((f"{official}.{theirs}", f"{ours}.{name}") for theirs, name in rows)


def state_dict(entries: Mapping[str, Any]) -> dict[str, Tensor] | None:
    """The weights among the entries of a released file; None if it is something else.

    A training checkpoint holds them under `model`; a bare state dict is accepted too. The moving
    average, which the file holds as well, is not used: published figures are of the plain weights.
    """
    state = entries.get("model", entries)
    if not isinstance(state, Mapping) or not state:
        return None
    if all(isinstance(key, str) and key.startswith(WRAPPER_PREFIX) for key in state):
        state = {key.removeprefix(WRAPPER_PREFIX): value for key, value in state.items()}
    return dict(state) if isinstance(state.get(FIRST_LAYER), Tensor) else None


def model_name(state: Mapping[str, Tensor]) -> str:
    """The setting `model=` for a released state dict; releases B and C have the model of GLIP-T."""
    if len(state[FIRST_LAYER]) == LARGE_WIDTH:
        return "glip_l"
    return "glip_t" if _fused(state) else "glip_t_a"


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Released weights by this package's names. Raises UserError as `our_names` does."""
    return {ours: state[key] for key, ours in our_names(state).items()}


def our_names(keys: Iterable[str]) -> dict[str, str]:
    """This package's name of every official key that has one.

    Raises UserError naming rows of the table without a key.
    """
    keys = list(keys)
    rows = table(_layers(keys), _fused(keys))
    names: dict[str, str] = {}
    unused = dict(rows)
    unused.pop(PROMPT, None)
    for key in keys:
        row = next((row for row in rows if _belongs_to(key, row[0])), None)
        if row is not None:
            theirs, ours = row
            unused.pop(theirs, None)
            names[key] = ours + key[len(theirs) :]
    if unused:
        raise UserError(f"keys that every released GLIP has are missing: {some(list(unused))}")
    return names


def unknown_keys(keys: Iterable[str]) -> list[str]:
    """Keys that have no name here although no reason is known for which they are not needed.

    The official code ignores such keys too. Raises UserError as `our_names` does.
    """
    keys = list(keys)
    names = our_names(keys)
    return [key for key in keys if key not in names and dropped(key) is None]


def _belongs_to(key: str, name: str) -> bool:
    """Whether an official key is `name` of the table, or a parameter in the module `name`."""
    return key.startswith(name) and PARAMETER.fullmatch(key[len(name) :]) is not None


def dropped(key: str) -> str | None:
    """Why an official key is not needed; None if it is needed."""
    return next((why for pattern, why in DROPPED if re.fullmatch(pattern, key)), None)


def _fused(keys: Iterable[str]) -> bool:
    return any(".b_attn." in key for key in keys)


def _layers(keys: Iterable[str]) -> int:
    """The number of layers. Raises UserError for a number that no tower has."""
    keys = list(keys)
    indices = [int(match[1]) for key in keys if (match := re.match(rf"{TOWER}\.(\d+)\.", key))]
    modules = max(indices, default=-1) + 1
    if modules > MAX_MODULES:
        raise UserError(f"the key {TOWER}.{modules - 1} has the number of a layer that no GLIP has")
    return modules // 3 if _fused(keys) else modules
