"""Detections of an interrupted evaluation are read back."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from glip_pl.inference import evaluation_cache
from glip_pl.inference.evaluation_cache import EvaluationCache, log_others
from glip_pl.types import Detections


def random_detections(count: int) -> Detections:
    return Detections(torch.rand(count, 4), torch.rand(count), torch.arange(count))


def test_every_image_comes_back_with_its_detections(tmp_path: Path) -> None:
    known = {image_id: random_detections(image_id % 3) for image_id in range(7)}
    first = EvaluationCache(tmp_path / "set")
    first.add(list(known)[:4], list(known.values())[:4])
    first.save()
    second = EvaluationCache(tmp_path / "set")  # of another process, or of the next attempt
    second.add(list(known)[4:], list(known.values())[4:])
    second.save()
    loaded = EvaluationCache(tmp_path / "set").load()
    assert loaded.keys() == known.keys()
    for image_id, detections in known.items():
        for name in ("boxes", "scores", "phrase_ids"):
            assert getattr(loaded[image_id], name).equal(getattr(detections, name))
    assert {path.suffix for path in (tmp_path / "set").iterdir()} == {".safetensors"}
    first.remove()
    assert EvaluationCache(tmp_path / "set").load() == {}


def test_unfinished_evaluations_are_removed_when_finished_and_else_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = (EvaluationCache(tmp_path / "key" / name) for name in ("one", "two"))
    for cache in (one, two):
        cache.add([1], [random_detections(2)])
        cache.save()
    with caplog.at_level("INFO", logger="glip_pl"):
        log_others(tmp_path / "key")
        assert caplog.text == ""
        log_others(tmp_path / "other_key")
    assert "has 1 unfinished evaluations of other weights or settings (0.0 MB)" in caplog.text
    one.remove()
    assert list((tmp_path / "key").iterdir()) == [two.folder]
    two.remove()
    assert list(tmp_path.iterdir()) == []


def test_files_are_written_at_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EvaluationCache(tmp_path)
    cache.add([1], [random_detections(2)])
    assert not cache.load()
    monkeypatch.setattr(evaluation_cache, "SAVE_INTERVAL", 0)
    cache.add([2], [random_detections(2)])
    assert cache.load().keys() == {1, 2}


def test_a_damaged_file_loses_only_its_own_images(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for image_id in (1, 2):
        cache = EvaluationCache(tmp_path)
        cache.add([image_id], [random_detections(1)])
        cache.save()
    first, *_ = sorted(tmp_path.glob("*.safetensors"))
    first.write_bytes(b"cut")
    assert len(EvaluationCache(tmp_path).load()) == 1
    assert "its images are evaluated again" in caplog.text


def test_a_changed_byte_anywhere_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = EvaluationCache(tmp_path)
    cache.add([1, 2], [random_detections(3), random_detections(0)])
    cache.save()
    [path] = tmp_path.iterdir()
    sound = path.read_bytes()
    assert EvaluationCache(tmp_path).load().keys() == {1, 2}
    for position in range(0, len(sound), 5):
        damaged = bytearray(sound)
        damaged[position] ^= 2
        path.write_bytes(damaged)
        caplog.clear()
        loaded = EvaluationCache(tmp_path).load()
        assert not loaded and path.name in caplog.text, position


def test_a_file_without_a_checksum_is_not_trusted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_file({"image_ids": torch.tensor([1])}, tmp_path / "a.safetensors")
    assert not EvaluationCache(tmp_path).load()
    assert "a.safetensors cannot be read" in caplog.text
