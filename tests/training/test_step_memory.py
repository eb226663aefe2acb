import pytest
import torch

from glip_pl.models.plain_forms import gpu_forms
from glip_pl.training.step_memory import StepMemory, step_memory, stored_results
from scripts.benchmarking import random_model
from scripts.gpu_budget import Shape, measure


def test_the_largest_batch_that_leaves_room() -> None:
    memory = StepMemory(state=10, fixed=4, each=2)
    assert memory.stored(3) == 10
    assert memory.largest(40, [1, 2, 4, 8, 16]) == 8  # 30 of 34
    assert memory.largest(40, [16]) is None


@pytest.mark.slow
def test_an_estimate_is_what_a_step_stores() -> None:
    """The step of three pictures follows from those of one and of two."""
    pytest.importorskip("triton", reason="the form of a GPU needs it")
    model = random_model("glip_nano", "cpu")
    model.text_encoder.requires_grad_(False)
    frozen = sum(one.numel() for one in model.text_encoder.parameters())
    count = sum(one.numel() for one in model.parameters())
    memory = step_memory(model, 128, 128, 16)
    assert memory.state == 16 * count - 12 * frozen
    model = random_model("glip_nano", "cpu")
    model.text_encoder.requires_grad_(False)
    expected = measure(model, Shape(3, 128, 128, 16)).stored
    assert memory.stored(3) == pytest.approx(expected, rel=0.03)


def test_parameters_are_not_counted_as_results() -> None:
    layer = torch.nn.Linear(8, 8)
    with gpu_forms(), stored_results(list(layer.parameters())) as stored:
        layer(torch.randn(4, 8, requires_grad=True))
    assert list(stored.values()) == [4 * 8 * 4]
