from dataclasses import fields, replace
from typing import Any, ClassVar

import torch

from glip_pl.types import Batch, Detections, LossTerms, Prompt, Targets, TextFeatures


def batch() -> Batch:
    return Batch(
        images=torch.zeros(1, 3, 4, 4, dtype=torch.uint8),
        sizes=torch.tensor([[4, 4]]),
        original_sizes=torch.tensor([[8, 8]]),
        tokens=torch.zeros(1, 5, dtype=torch.int64),
        attention_mask=torch.ones(1, 5, dtype=torch.bool),
        phrase_masks=[torch.zeros(1, 5, dtype=torch.bool)],
        boxes=[torch.zeros(2, 4)],
        phrase_ids=[torch.zeros(2, dtype=torch.int64)],
        prompts=[Prompt("a cat", (((2, 5),),))],
        image_ids=[7],
    )


def test_the_text_of_a_phrase_joins_its_spans() -> None:
    prompt = Prompt("two red stars and a ring", (((4, 7), (20, 24)), ((8, 13),)))
    assert [prompt.phrase_text(phrase) for phrase in (0, 1)] == ["red ring", "stars"]


def test_moving_a_batch_moves_all_tensors_and_keeps_the_rest() -> None:
    before = batch()
    moved = before.to("meta")
    assert moved.images.device.type == moved.attention_mask.device.type == "meta"
    for tensors in (moved.boxes, moved.phrase_ids, moved.phrase_masks):
        assert [tensor.device.type for tensor in tensors] == ["meta"]
    assert moved.prompts == before.prompts
    assert moved.image_ids == [7]
    assert moved.weights == []
    assert before.images.device.type == "cpu"
    assert len(moved) == 1


class PageLocked(torch.Tensor):
    """A tensor that says it lies in page-locked memory, and remembers how it was moved."""

    moves: ClassVar[list[bool]] = []

    def is_pinned(self, device: object = None) -> bool:
        return True

    def to(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        self.moves.append(kwargs["non_blocking"])
        return super().to(*args, **kwargs)


def test_a_gpu_fetches_tensors_in_page_locked_memory_itself() -> None:
    before = batch()
    locked = replace(before, images=before.images.as_subclass(PageLocked))
    assert locked.to("meta").images.is_meta
    locked.to("meta", non_blocking=False)
    assert PageLocked.moves == [True, False]


def test_moving_a_batch_moves_its_targets() -> None:
    targets = Targets(*(torch.zeros(3) for _ in fields(Targets)))
    moved = replace(batch(), targets=targets).to("meta").targets
    assert moved is not None
    assert all(getattr(moved, entry.name).is_meta for entry in fields(Targets))


def test_the_words_of_the_next_fusion_have_the_next_addition_of_a_learned_prompt() -> None:
    hidden, first, second = torch.randn(3, 1, 4, 2)
    mask = torch.ones(1, 4, dtype=torch.bool)
    once = TextFeatures(torch.zeros(1, 4, 2), mask, [first, second]).updated(hidden)
    assert once.hidden.equal(hidden + first)
    twice = once.updated(hidden)
    assert twice.hidden.equal(hidden + second)
    assert twice.updated(hidden).hidden.equal(hidden)
    assert [len(text.deeper) for text in (once, twice)] == [1, 0]


def test_the_total_loss_is_the_sum_of_its_terms() -> None:
    terms = LossTerms(torch.tensor(1.0), torch.tensor(2.0), torch.tensor(4.0))
    assert float(terms.total) == 7


def test_detections_are_selected_by_score_and_by_number() -> None:
    detections = Detections(
        torch.arange(12.0).view(3, 4), torch.tensor([0.9, 0.5, 0.3]), torch.tensor([2, 0, 1])
    )
    assert len(detections) == 3
    assert detections.above(0.5).phrase_ids.tolist() == [2]
    assert detections.best(2).scores.tolist() == detections.scores[:2].tolist()
    assert detections.best(2).boxes.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(detections.best(9)) == 3


def test_equal_scores_are_cut_together() -> None:
    scores = torch.tensor([0.9, 0.8, 0.8, 0.7])
    detections = Detections(torch.zeros(4, 4), scores, torch.zeros(4, dtype=torch.int64))
    assert [len(detections.most_likely(count)) for count in (1, 2, 3, 4, 5)] == [1, 3, 3, 4, 4]
