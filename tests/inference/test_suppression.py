from dataclasses import replace
from typing import Any

import pytest
import torch

from glip_pl.inference.suppression import best_of_rivals, groups_of, kept_boxes
from glip_pl.prompts.prompt_from_text import names_prompt
from glip_pl.types import Detections

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


def test_of_rivals_that_overlap_the_best_stays() -> None:
    boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 8], [0, 0, 9, 9], [20, 20, 29, 29]])
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6])
    found = Detections(boxes, scores, torch.tensor([0, 1, 2, 1]), torch.arange(4))
    groups = groups_of((names_prompt(["red car", "blue car", "car"]),))
    kept = best_of_rivals(found, groups)  # "car" is true of a red car, too
    assert kept.anchors is not None and kept.anchors.tolist() == [0, 2, 3]
    apart = replace(found, boxes=boxes + torch.tensor([[0.0], [3], [0], [0]]))
    assert len(best_of_rivals(apart, groups)) == 4  # the IoU is below RIVAL_IOU
    assert len(best_of_rivals(found.best(0), groups)) == 0


def test_phrases_of_different_prompts_are_no_rivals() -> None:
    prompt = names_prompt(["red car", "blue car"])
    assert groups_of((prompt, prompt)).tolist() == [0, 0, 2, 2]
