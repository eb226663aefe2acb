"""What an interrupted evaluation has found is still there."""

from pathlib import Path

import pytest
import torch

from glip_pl.inference import evaluation_cache
from glip_pl.inference.evaluation_cache import EvaluationCache
from glip_pl.types import Detections


def some(count: int) -> Detections:
    boxes = torch.rand(count, 4)
    return Detections(boxes, torch.rand(count), torch.arange(count))


def test_every_image_comes_back_with_its_boxes(tmp_path: Path) -> None:
    known = {number: some(number % 3) for number in range(7)}
    one = EvaluationCache(tmp_path / "set")
    one.add(list(known)[:4], list(known.values())[:4])
    one.save()
    other = EvaluationCache(tmp_path / "set")  # another process, or the next try
    other.add(list(known)[4:], list(known.values())[4:])
    other.save()
    found = EvaluationCache(tmp_path / "set").load()
    assert found.keys() == known.keys()
    for number, detections in known.items():
        for name in ("boxes", "scores", "phrase_ids"):
            assert getattr(found[number], name).equal(getattr(detections, name))
    one.remove()
    assert EvaluationCache(tmp_path / "set").load() == {}


def test_files_are_written_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = EvaluationCache(tmp_path)
    one.add([1], [some(2)])
    assert not one.load()
    monkeypatch.setattr(evaluation_cache, "SAVE_INTERVAL", 0)
    one.add([2], [some(2)])
    assert one.load().keys() == {1, 2}


def test_a_damaged_file_costs_its_images_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        one = EvaluationCache(tmp_path)
        one.add([number], [some(1)])
        one.save()
    first, *_ = sorted(tmp_path.glob("*.safetensors"))
    first.write_bytes(b"cut")
    assert len(EvaluationCache(tmp_path).load()) == 1
    assert "its images are done again" in caplog.text
