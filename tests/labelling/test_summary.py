"""Counts of shards add up to the report."""

import pytest
import torch

from glip_pl.labelling.summary import LabelSummary
from glip_pl.types import Detections


def shard_summary(scores: list[float], unreadable: list[str]) -> LabelSummary:
    summary = LabelSummary(bad_pictures=unreadable)
    summary.counts.update(captions=3, phrases=6)
    if scores:
        boxes = torch.zeros(len(scores), 4)
        ids = torch.zeros(len(scores), dtype=torch.int64)
        summary.counts.update(pictures=1, boxes=len(scores))
        summary.quality.add(Detections(boxes, torch.tensor(scores), ids))
    return summary


def test_manifests_add_up() -> None:
    total = LabelSummary()
    total.add_manifest(shard_summary([0.2, 0.9], ["a.jpg is broken"]).manifest())
    total.add_manifest(shard_summary([], ["b.jpg is broken"]).manifest())  # no picture at all
    report = total.report()
    assert (report["captions"], report["phrases"]) == (6, 12)
    assert (report["pictures"], report["boxes"]) == (1, 2)
    assert report["bad"] == ["a.jpg is broken", "b.jpg is broken"]
    assert report["scores"][0] == {"score": 0.1, "boxes": 2, "precision": None, "recall": None}
    assert report["scores"][10] == {"score": 0.6, "boxes": 1, "precision": None, "recall": None}


def test_the_totals_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shard_summary([0.2, 0.9], ["a.jpg is broken"]).show()
    printed = capsys.readouterr().out
    assert "2.0 phrases per caption, 2.0 boxes per picture" in printed
    assert "3 captions, 6 phrases, 1 pictures, 2 boxes, 1 unreadable pictures" in printed
    LabelSummary().show()
    assert "0.0 phrases per caption" in capsys.readouterr().out
