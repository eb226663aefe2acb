"""The suppression of exported graphs keeps what the decoder's keeps."""

import torch

from glip_pl.boxes import plain
from glip_pl.exporting.selection import kept_pairs
from glip_pl.inference.suppression import kept_boxes

IMAGES, CANDIDATES, PHRASES, IOU = 2, 60, 3, 0.5


def test_it_keeps_the_decoders_boxes_and_none_without_a_score() -> None:
    torch.manual_seed(0)
    corner = torch.rand(IMAGES, CANDIDATES, 2) * 40
    boxes = torch.cat([corner, corner + 10 + torch.rand(IMAGES, CANDIDATES, 2) * 20], dim=2)
    phrases = torch.randint(0, PHRASES, (IMAGES, CANDIDATES))
    scores = torch.rand(IMAGES, CANDIDATES)
    scores[:, ::7] = 0
    expected = set()
    for image in range(IMAGES):
        found = scores[image] > 0
        rows = found.nonzero()[:, 0]
        kept = kept_boxes(boxes[image, found], scores[image, found], phrases[image, found], IOU)
        expected |= {(image, int(row)) for row in rows[kept]}
    assert 0 < len(expected) < int((scores > 0).sum())
    kept = kept_pairs(plain(boxes), scores, phrases, PHRASES, IOU)
    assert {(int(image), int(candidate)) for image, candidate in kept} == expected
