from dataclasses import replace

import pytest
import torch

from glip_pl.anchors import level_shapes, pyramid_anchors
from glip_pl.losses.assignment import atss
from glip_pl.losses.targets import centerness_targets, targets_of
from glip_pl.types import Batch, Prompt


def batch() -> Batch:
    """Three images, the second without boxes; the prompts have 2, 1 and 3 phrases."""
    torch.manual_seed(0)
    low = [torch.rand(count, 2) * 100 for count in (4, 0, 7)]
    boxes = [torch.cat([corner, corner + 10 + 60 * torch.rand_like(corner)], 1) for corner in low]
    phrases = (2, 1, 3)
    phrase_ids = [torch.arange(len(box)) % count for box, count in zip(boxes, phrases, strict=True)]
    return Batch(
        images=torch.zeros(3, 3, 160, 192, dtype=torch.uint8),
        sizes=torch.tensor([[160, 192]] * 3),
        original_sizes=torch.tensor([[160, 192]] * 3),
        tokens=torch.zeros(3, 6, dtype=torch.int64),
        attention_mask=torch.ones(3, 6, dtype=torch.bool),
        phrase_masks=[torch.rand(count, 6) < 0.5 for count in phrases],
        boxes=boxes,
        phrase_ids=phrase_ids,
        prompts=[Prompt("a b c", (((0, 1),),) * count) for count in phrases],
        image_ids=[1, 2, 3],
        weights=[torch.rand(len(box)) for box in boxes],
    )


def test_targets_are_those_of_every_positive_anchor_in_turn() -> None:
    """Anchor by anchor, without any concatenation."""
    one = batch()
    shapes = level_shapes(160, 192)
    anchors = pyramid_anchors(shapes, torch.device("cpu"))
    targets, found = targets_of(one), 0
    masks = torch.cat(one.phrase_masks)
    for image, boxes in enumerate(one.boxes):
        owners = atss(boxes, anchors, tuple(height * width for height, width in shapes))
        for anchor, owner in enumerate(owners.tolist()):
            if owner < 0:
                continue
            assert int(targets.rows[found]) == image * len(anchors) + anchor
            assert targets.boxes[found].equal(boxes[owner])
            words = one.phrase_masks[image][one.phrase_ids[image][owner]]
            assert masks[targets.phrases[found]].equal(words)
            assert targets.weights[found] == one.weights[image][owner]
            central = centerness_targets(boxes[owner][None], anchors[anchor][None])
            assert targets.centerness[found] == central[0]
            found += 1
    assert found == len(targets.rows) > 20
    assert targets.sums.tolist() == [found, float(targets.centerness.sum())]


def test_without_weights_all_boxes_count_alike() -> None:
    targets = targets_of(replace(batch(), weights=[]))
    assert targets.weights.eq(1).all() and len(targets.weights) == len(targets.rows)


def test_a_batch_without_boxes_or_phrases_has_no_targets() -> None:
    one = batch()
    empty = replace(
        one,
        boxes=[torch.zeros(0, 4)] * 3,
        phrase_ids=[torch.zeros(0, dtype=torch.int64)] * 3,
        phrase_masks=[torch.zeros(0, 6, dtype=torch.bool)] * 3,
        weights=[],
    )
    targets = targets_of(empty)
    assert len(targets.rows) == len(targets.boxes) == 0
    assert targets.sums.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("box", "centerness"), [((0, 0, 64, 64), 1.0), ((24, 0, 64, 64), (8 / 32) ** 0.5)]
)
def test_centerness_falls_from_the_middle_of_a_box(
    box: tuple[float, ...], centerness: float
) -> None:
    anchor = torch.tensor([[0.0, 0.0, 64.0, 64.0]])
    assert float(centerness_targets(torch.tensor([box]), anchor)) == pytest.approx(centerness)
