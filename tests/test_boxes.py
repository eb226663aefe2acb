import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import box_iou, generalized_box_iou

from glip_pl.boxes import clip, decode, encode, giou, iou_plus_one

coordinate = st.floats(-500, 1500, width=32)
side = st.floats(1, 800, width=32)


def box(x: float, y: float, width: float, height: float) -> Tensor:
    return torch.tensor([[x, y, x + width, y + height]])


@settings(deadline=None)
@given(coordinate, coordinate, side, side, st.sampled_from([64.0, 256.0, 1024.0]))
def test_decode_inverts_encode(
    x: float, y: float, width: float, height: float, anchor: float
) -> None:
    # Sizes within the decoder's cap of ln(1000/16) times the anchor.
    gold = box(x, y, width, height)
    anchors = box(100.0, 200.0, anchor - 1, anchor - 1)
    torch.testing.assert_close(decode(encode(gold, anchors), anchors), gold, atol=2e-2, rtol=1e-4)


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
