import pytest
import torch

from glip_pl.training.loss_record import LossRecord, NotFiniteError
from glip_pl.types import LossTerms


def terms(value: float) -> LossTerms:
    return LossTerms(*torch.tensor([value, 1.0, 2.0]).unbind())


def filled(losses: list[float], norms: list[float]) -> LossRecord:
    """A batch of one image for each step."""
    record = LossRecord()
    for step, (loss, norm) in enumerate(zip(losses, norms, strict=True)):
        record.add_batch(step, [100 + step], terms(loss))
        record.norms.append((step, torch.tensor(norm)))
    return record


def test_a_late_check_names_the_first_loss_that_was_not_finite() -> None:
    nan, inf = float("nan"), float("inf")
    record = filled([1, 2, inf, nan], [1, 1, nan, nan])
    with pytest.raises(NotFiniteError, match=r"loss is inf at step 2 \(images \[102\]\).*lr"):
        record.check()


def test_a_gradient_alone_may_not_be_finite() -> None:
    with pytest.raises(NotFiniteError, match="the gradient is not finite at step 1"):
        filled([1, 2, 3], [1, float("inf"), 1]).check()


def test_a_check_forgets_finished_steps_only() -> None:
    record = filled([1, 2], [1, 1])
    record.add_batch(2, [7], terms(4))  # of a step that is still accumulated
    record.check()
    record.check()
    assert [batch.image_ids for batch in record.batches] == [[7]]
    record.add_batch(2, [8], terms(6))
    assert record.joint_terms(step=2, accumulated=2).tolist() == [5, 1, 2]
