"""Builds a network of timm for its maps, and checks that it can be an image encoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn

from glip_pl.errors import UserError, first_line, some

ANY_SIZE = (
    "An image encoder must read every picture whose sides are multiples of 32 pixels: timm's plain "
    "vision transformers do so with +model.image_encoder.dynamic_img_size=true and patches of 8, "
    "16 or 32 pixels (+model.image_encoder.patch_size=16), its Swins with "
    "+model.image_encoder.strict_img_size=false"
)
"""What to do about a network that reads one size of pictures only."""

PROBE = (64, 96)
"""Height and width of the picture that a new network is tried with: 2 x 3 blocks of 32 pixels."""


def timm_network(name: str, stages: tuple[int, ...], options: Mapping[str, Any]) -> Any:
    """The network `name`, which returns the maps of its `stages`; timm has no types here.

    Raises UserError if there is no such network, stage or option, or if its pretrained weights
    cannot be downloaded.
    """
    if ":" in name:  # a checkpoint with such a name would not be trusted (checkpoints/trust.py)
        raise UserError(
            f"model.image_encoder.name={name}: it must be a name that timm lists, such as "
            "convnext_atto.d2_in1k; pretrained=true downloads the weights. Weights in a file are "
            "read with '+model.image_encoder.pretrained_cfg_overlay={file: <path>}'"
        )
    try:
        return timm.create_model(name, features_only=True, out_indices=stages, **_plain(options))
    except OSError as error:
        raise UserError(
            f"the weights of the image encoder {name!r} are not on this machine, and the hub "
            "is not reachable. Set model.image_encoder.pretrained=false if a checkpoint brings "
            "the weights, or to start from random ones"
        ) from error
    except Exception as error:  # timm raises many kinds
        raise UserError(
            f"model.image_encoder: timm cannot build {name!r} with stages={list(stages)} and "
            f"{_plain(options)} ({type(error).__name__}: {first_line(error)}).{_stages_of(name)}"
        ) from error


def _plain(value: Any) -> Any:
    """Settings as lists and dictionaries, which networks of timm expect."""
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(member) for member in value]
    return value


def _stages_of(name: str) -> str:
    """A sentence that tells the strides of a network's stages, if it can be built at all."""
    try:
        with torch.device("meta"):
            strides = timm.create_model(name, features_only=True).feature_info.reduction()
    except Exception:  # timm raises many kinds; the first error has been told already
        return " `timm.list_models()` lists the names"
    numbers = ", ".join(f"{number} has stride {stride}" for number, stride in enumerate(strides))
    return f" Of its stages, {numbers}; GLIP reads those of strides 8, 16 and 32"


def check_maps(network: Any, name: str, channels_last: bool) -> None:
    """Raise UserError unless a network of timm gives maps of its strides for pictures of any size.

    It is tried with a small picture, unless it has no memory for its weights.
    """
    if next(network.parameters()).is_meta:
        return
    try:
        with torch.no_grad():
            maps = network.eval()(torch.zeros(1, 3, *PROBE))
    except Exception as error:  # of the network: an assertion, or shapes that do not fit
        raise UserError(
            f"model.image_encoder: {name!r} cannot read a picture of {PROBE[0]} x {PROBE[1]} "
            f"pixels ({type(error).__name__}: {first_line(error)}). {ANY_SIZE}"
        ) from error
    finally:
        network.train()
    strides = network.feature_info.reduction()
    for features, stride in zip(maps, strides, strict=True):
        size = tuple(features.shape[1:3] if channels_last else features.shape[2:])
        expected = tuple(-(-side // stride) for side in PROBE)
        if size != expected:
            raise UserError(
                f"model.image_encoder: {name!r} gives a map of {size[0]} x {size[1]} positions for "
                f"a picture of {PROBE[0]} x {PROBE[1]} pixels, and its stride {stride} needs "
                f"{expected[0]} x {expected[1]}: it changes the size of maps. Choose another "
                "network with model.image_encoder.name"
            )


def load_weights(network: nn.Module, name: str, weights: Mapping[str, Tensor]) -> None:
    """Load tensors by timm's names. Raises UserError if some are missing or of another shape."""
    expected = network.state_dict()
    faults = [
        key for key in expected if key not in weights or weights[key].shape != expected[key].shape
    ]
    if faults:
        raise UserError(
            f"model.image_encoder.weights belong to another network than {name!r}: they lack "
            f"{some(faults)}. Set model.image_encoder.weights=null; timm's own weights come with "
            "+model.image_encoder.pretrained=true"
        )
    network.load_state_dict({key: weights[key] for key in expected})
