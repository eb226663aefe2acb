import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glip_pl.data.transforms import ResizeFlip, flip_boxes, target_size


def picture_with_box(width: int, height: int, box: tuple[int, int, int, int]) -> Image.Image:
    """Black, and white where the (inclusive) box is."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[box[1] : box[3] + 1, box[0] : box[2] + 1] = 255
    return Image.fromarray(pixels)


def test_boxes_stay_on_their_pixels_through_a_flip() -> None:
    box = (10, 5, 29, 24)
    image = picture_with_box(64, 48, box)
    pixels, boxes = ResizeFlip([48], 100, flip=1.0)(
        image, torch.tensor([box]).float(), "a cat", np.random.default_rng(0)
    )
    x1, y1, x2, y2 = (int(side) for side in boxes[0])
    assert pixels[:, y1 : y2 + 1, x1 : x2 + 1].min() == 255
    assert int(pixels.sum()) == 3 * 255 * (x2 - x1 + 1) * (y2 - y1 + 1)


def test_boxes_follow_a_resize() -> None:
    image = picture_with_box(64, 48, (16, 8, 47, 39))
    pixels, boxes = ResizeFlip([96], 200)(image, torch.tensor([[16.0, 8, 47, 39]]), "")
    assert pixels.shape == (3, 96, 128)
    assert boxes.tolist() == [[32, 16, 94, 78]]
    assert pixels[0, 20:76, 36:90].min() == 255


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 1000), st.integers(1, 1500))
def test_sizes_keep_the_shape_and_the_limit(height: int, width: int, short: int, most: int) -> None:
    new_height, new_width = target_size(height, width, short, most)
    assert min(new_height, new_width) <= max(short, 1)
    # The official rounding may pass the limit by the rounding of the short side.
    ratio = max(height, width) / min(height, width)
    assert max(new_height, new_width) <= max(most, short) + ratio


def test_a_very_narrow_picture_keeps_a_width_of_one_pixel() -> None:
    pixels, _ = ResizeFlip([48], 100)(Image.new("RGB", (2, 600)), torch.zeros(0, 4), "")
    assert pixels.shape == (3, 100, 1)


def test_official_sizes() -> None:
    assert target_size(480, 640, 800, 1333) == (800, 1066)
    assert target_size(400, 1000, 800, 1333) == (533, 1332)
    assert target_size(800, 900, 800, 1333) == (800, 900)


def test_a_caption_that_says_left_is_never_flipped() -> None:
    image = picture_with_box(32, 32, (0, 0, 7, 7))
    box = torch.tensor([[0.0, 0, 7, 7]])
    for caption, flipped in (("a cat left of a dog", False), ("leftovers", True)):
        _, boxes = ResizeFlip([32], 32, flip=1.0)(image, box, caption, np.random.default_rng(0))
        assert bool((boxes != box).any()) is flipped


def test_flipping_twice_changes_nothing() -> None:
    boxes = torch.tensor([[1.0, 2, 8, 9], [0, 0, 0, 0]])
    assert flip_boxes(flip_boxes(boxes, 20), 20).equal(boxes)
