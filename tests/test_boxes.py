import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import box_iou, generalized_box_iou

from glip_pl.boxes import (
    clip,
    decode,
    encode,
    giou,
    iou_plus_one,
    iou_plus_one_of_pairs,
    plain,
    scale_to,
)

coordinate = st.floats(-500, 1500, width=32)
side = st.floats(1, 800, width=32)


def box(x: float, y: float, width: float, height: float) -> Tensor:
    return torch.tensor([[x, y, x + width, y + height]])


@settings(deadline=None)
@given(coordinate, coordinate, side, side, st.sampled_from([64.0, 256.0, 1024.0]))
def test_decode_inverts_encode(
    x: float, y: float, width: float, height: float, anchor: float
) -> None:
    # The sizes stay below the decoder's limit of 1000/16 times the anchor.
    original = box(x, y, width, height)
    anchors = box(100.0, 200.0, anchor - 1, anchor - 1)
    decoded = decode(encode(original, anchors), anchors)
    torch.testing.assert_close(decoded, original, atol=2e-2, rtol=1e-4)


def random_boxes(count: int) -> Tensor:
    low = torch.rand(count, 2) * 300
    return torch.cat([low, low + 5 + torch.rand(count, 2) * 200], dim=1)


def test_iou_plus_one_is_plain_iou_of_boxes_grown_by_one() -> None:
    torch.manual_seed(0)
    first, second = random_boxes(20), random_boxes(30)
    grow = torch.tensor([0.0, 0.0, 1.0, 1.0])
    torch.testing.assert_close(iou_plus_one(first, second), box_iou(first + grow, second + grow))


def test_giou_agrees_with_torchvision() -> None:
    torch.manual_seed(0)
    first, second = random_boxes(50), random_boxes(50)
    torch.testing.assert_close(giou(first, second), generalized_box_iou(first, second).diagonal())


def test_clip_keeps_boxes_inside_the_last_pixel() -> None:
    clipped = clip(torch.tensor([[-5.0, -5.0, 500.0, 500.0]]), height=100, width=200)
    assert clipped.tolist() == [[0.0, 0.0, 199.0, 99.0]]


def test_a_box_is_encoded_relative_to_the_size_of_its_anchor() -> None:
    anchor = torch.tensor([[0.0, 0.0, 63.0, 31.0]])  # 64 x 32 pixels, centre (31.5, 15.5)
    moved = torch.tensor([[0.0, 0.0, 127.0, 15.0]])  # 128 x 16 pixels, centre (63.5, 7.5)
    code = encode(moved, anchor)
    expected = [10 * 32 / 64, 10 * -8 / 32, 5 * math.log(2), 5 * math.log(1 / 2)]
    torch.testing.assert_close(code, torch.tensor([expected]))


def test_boxes_scale_with_their_image() -> None:
    scaled = scale_to(torch.tensor([[10.0, 20.0, 30.0, 40.0]]), (100, 200), (50, 600))
    assert scaled.tolist() == [[30.0, 10.0, 90.0, 20.0]]


def test_plain_boxes_end_after_their_last_pixel() -> None:
    assert plain(torch.tensor([[0.0, 0.0, 9.0, 19.0]])).tolist() == [[0.0, 0.0, 10.0, 20.0]]


def test_ious_of_pairs_are_the_diagonal_of_those_of_all() -> None:
    torch.manual_seed(0)
    low = torch.rand(2, 5, 2) * 20
    first, second = torch.cat([low, low + 1 + torch.rand(2, 5, 2) * 30], dim=-1)
    pairs = iou_plus_one_of_pairs(first, second)
    assert pairs.equal(iou_plus_one(first, second).diagonal()) and pairs.max() > 0
