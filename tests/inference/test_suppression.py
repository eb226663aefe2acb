from typing import Any

import pytest
import torch

from glip_pl.inference.suppression import kept_boxes

BOXES = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 8], [0, 0, 9, 9], [20, 20, 29, 29]])
SCORES = torch.tensor([0.5, 0.9, 0.7, 0.6])
PHRASES = torch.tensor([0, 0, 1, 0])


class OnAppleGpu(torch.Tensor):
    """A tensor that says it is on an Apple GPU, where PyTorch refuses double precision."""

    @property
    def device(self) -> Any:  # type: ignore[override]
        return torch.device("mps")

    def double(self, *arguments: Any) -> Any:
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype")

    def cpu(self, *arguments: Any) -> Any:
        return self.as_subclass(torch.Tensor)


def test_the_better_of_two_boxes_of_a_phrase_stays() -> None:
    assert kept_boxes(BOXES, SCORES, PHRASES, 0.6).tolist() == [1, 2, 3]
    assert kept_boxes(BOXES, SCORES, PHRASES, 0.9).tolist() == [1, 2, 3, 0]  # the IoU is 0.9


def test_an_apple_gpu_is_not_asked_for_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, scores, phrases = (one.as_subclass(OnAppleGpu) for one in (BOXES, SCORES, PHRASES))
    monkeypatch.setattr(torch.Tensor, "to", lambda self, device: self)  # there is no such GPU
    assert kept_boxes(boxes, scores, phrases, 0.6).tolist() == [1, 2, 3]
