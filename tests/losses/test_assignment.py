import torch
from torch import Tensor

from glip_pl.anchors import STRIDES, pyramid_anchors
from glip_pl.boxes import iou_plus_one
from glip_pl.losses.assignment import atss


def brute_force(boxes: Tensor, anchors: Tensor, level_sizes: tuple[int, ...]) -> list[int]:
    """ATSS, a box and an anchor at a time."""
    owner, best = [-1] * len(anchors), [0.0] * len(anchors)
    overlap = iou_plus_one(anchors, boxes)
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    for b, box in enumerate(boxes):
        middle = (box[:2] + box[2:]) / 2
        candidates, start = [], 0
        for size in level_sizes:
            distance = (centers[start : start + size] - middle).norm(dim=1)
            candidates += [start + i for i in distance.argsort(stable=True)[:9].tolist()]
            start += size
        values = overlap[candidates, b]
        threshold = values.mean() + values.std()
        for a in candidates:
            x, y = centers[a]
            inside = min(x - box[0], y - box[1], box[2] - x, box[3] - y) > 0.01
            if overlap[a, b] >= threshold and inside and overlap[a, b] > best[a]:
                owner[a], best[a] = b, float(overlap[a, b])
    return owner


def test_atss_agrees_with_brute_force() -> None:
    torch.manual_seed(0)
    shapes = [(-(-192 // s), -(-256 // s)) for s in STRIDES]
    anchors = pyramid_anchors(shapes, torch.device("cpu"))
    level_sizes = tuple(h * w for h, w in shapes)
    for count in (1, 3, 12):
        low = torch.rand(count, 2) * 120
        boxes = torch.cat([low, low + 8 + torch.rand(count, 2) * 90], dim=1)
        assert atss(boxes, anchors, level_sizes).tolist() == brute_force(
            boxes, anchors, level_sizes
        )


def test_no_boxes_means_background_everywhere() -> None:
    anchors = pyramid_anchors([(4, 4), (2, 2), (1, 1), (1, 1), (1, 1)], torch.device("cpu"))
    assert atss(torch.zeros(0, 4), anchors, (16, 4, 1, 1, 1)).eq(-1).all()


def test_of_two_equal_boxes_the_first_gets_the_anchors() -> None:
    anchors = pyramid_anchors([(8, 8), (4, 4), (2, 2), (1, 1), (1, 1)], torch.device("cpu"))
    box = torch.tensor([[3.0, 5.0, 50.0, 60.0]])
    alone = atss(box, anchors, (64, 16, 4, 1, 1))
    assert alone.eq(0).any()
    assert atss(box.repeat(3, 1), anchors, (64, 16, 4, 1, 1)).equal(alone)
