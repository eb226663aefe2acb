"""Sizes, pixels and boxes after resizing, flipping and normalising."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from glip_pl.data.transforms import ResizeFlip, target_size
from glip_pl.models.image_encoder import ImageEncoder
from tests.parity.cases import find, read

RECORDED = read("preprocess.json")
TENSORS = load_file(find("preprocess.safetensors"))


def test_sizes() -> None:
    for width, height, short, longest, out_height, out_width in RECORDED["sizes"]:
        assert target_size(height, width, short, longest) == (out_height, out_width)


@pytest.fixture(scope="module")
def encoder() -> ImageEncoder:
    """As in conf/model/glip_t.yaml, with a small network: only its first step is looked at."""
    return ImageEncoder(
        "tf_efficientnet_lite0",
        stages=[2, 3, 4],
        bgr=True,
        mean=[103.530, 116.280, 123.675],
        std=[57.375, 57.120, 58.395],
    )


@pytest.mark.parametrize("index", range(len(RECORDED["cases"])))
def test_pixels_and_boxes(index: int, encoder: ImageEncoder) -> None:
    case = RECORDED["cases"][index]
    image = Image.fromarray(TENSORS[f"{index}_rgb"].permute(1, 2, 0).numpy())
    boxes = TENSORS[f"{index}_boxes"]
    pixels, resized = ResizeFlip([case["min"]], case["max"])(image, boxes, "")
    assert pixels.equal(TENSORS[f"{index}_resized_rgb"])
    torch.testing.assert_close(resized, TENSORS[f"{index}_resized_boxes"])
    mirrored, flipped = ResizeFlip([case["min"]], case["max"], flip=1.0)(
        image, boxes, "", np.random.default_rng(0)
    )
    # Training resizes with another kernel, equal but for roundings.
    assert (mirrored.int() - pixels.flip(2).int()).abs().max() <= 1
    torch.testing.assert_close(flipped, TENSORS[f"{index}_flipped_boxes"])
    size = torch.tensor([pixels.shape[1:]])
    normalised = encoder.normalise(pixels[None], size)[0]
    torch.testing.assert_close(normalised, TENSORS[f"{index}_normalised"])
