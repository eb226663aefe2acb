"""Every way of giving a picture gives the same pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from glip_pl.errors import UserError
from glip_pl.inference.image_input import image_sources, is_single

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)


def opened(images: Any) -> list[Image.Image]:
    return [source.open() for source in image_sources(images)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    return path


def test_every_form_of_one_picture_is_the_same_picture(file: Path) -> None:
    forms: list[Any] = [
        file,
        str(file),
        Image.open(file),
        PIXELS,
        torch.from_numpy(PIXELS).permute(2, 0, 1),
    ]
    for form in forms:
        assert is_single(form)
        (image,) = opened(form)
        assert image.mode == "RGB" and np.array_equal(np.asarray(image), PIXELS)
    assert len(opened(forms)) == len(forms) and not is_single(forms)


def test_folders_patterns_iterators_and_batches_are_several(file: Path) -> None:
    Image.fromarray(PIXELS).save(file.with_name("b.png"))
    batch = torch.from_numpy(PIXELS).permute(2, 0, 1)[None]
    pairs: list[Any] = [file.parent, f"{file.parent}/*.png", [file, str(file)], [PIXELS, batch[0]]]
    lists_of_one: list[Any] = [(path for path in [file]), batch, PIXELS[None]]
    for count, forms in ((2, pairs), (1, lists_of_one)):
        for form in forms:
            assert not is_single(form) and len(opened(form)) == count


def test_grey_and_transparent_arrays_are_converted() -> None:
    grey, sixteen = PIXELS[..., 0], PIXELS[..., 0].astype(np.uint16) * 257
    for array in (grey, sixteen, torch.from_numpy(grey.copy())[None]):
        (image,) = opened(array)
        assert np.array_equal(np.asarray(image)[..., 1], grey)
    (image,) = opened(np.concatenate([PIXELS, np.full((6, 4, 1), 255, np.uint8)], 2))
    assert np.array_equal(np.asarray(image), PIXELS)


def test_a_photograph_is_turned_upright_however_it_is_given(tmp_path: Path) -> None:
    turned = Image.fromarray(PIXELS)
    exif = turned.getexif()
    exif[274] = 6  # a quarter turn
    turned.save(tmp_path / "photo.png", exif=exif)
    for form in (tmp_path / "photo.png", Image.open(tmp_path / "photo.png")):
        assert opened(form)[0].size == (6, 4)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("http://example.org/a.jpg", "is an address: download the picture"),
        (["https://example.org/a.jpg"], "is an address: download the picture"),
        (Path("http://example.org/a.jpg"), "is an address: download the picture"),
        (b"none.jpg", "bytes is no picture"),
        (torch.zeros(3, 0, 4, dtype=torch.uint8), "has no pixels"),
        ("none.jpg", "images=none.jpg names no picture"),
        (7, "int is no picture: give a path"),
        ([None], "number 0 given to the predictor is a NoneType"),
        (PIXELS.astype(np.float32), r"array of float32 with shape \(6, 4, 3\)"),
        (np.zeros((3, 6, 5), np.uint8), r"array of uint8 with shape \(3, 6, 5\)"),
        (np.zeros((0, 4, 3), np.uint8), "has no pixels"),
        (torch.zeros(3, 4, 4), r"torch.float32 tensor \(3, 4, 4\)"),
        (torch.zeros(4, 4, 3, dtype=torch.uint8), r"torch.uint8 tensor \(4, 4, 3\)"),
    ],
)
def test_what_is_no_picture_is_refused(images: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        opened(images)
