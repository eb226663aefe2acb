import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glip_pl.models import recomputing
from glip_pl.models.recomputing import recomputed


def layer(features: Tensor) -> Tensor:
    return F.dropout(features.exp(), 0.5).square()


@pytest.mark.parametrize("largest", [1, recomputing.WORTH_TWICE])
def test_gradients_and_random_numbers_are_the_same(largest: int) -> None:
    results = []
    for compute in (layer, lambda x: recomputed(layer, x, largest=largest)):
        torch.manual_seed(0)
        features = torch.linspace(-1, 1, 50, requires_grad=True)
        out = compute(features)
        (gradient,) = torch.autograd.grad(out.sum(), features)
        results.append((out.detach(), gradient))
    assert results[0][0].equal(results[1][0])
    assert results[0][1].equal(results[1][1])


def test_small_results_are_stored_and_large_ones_computed_twice() -> None:
    calls = []

    def counted(features: Tensor) -> Tensor:
        calls.append(1)
        return features.exp()

    for largest, expected in ((1, 1), (recomputing.WORTH_TWICE, 2)):
        calls.clear()
        features = torch.zeros(3, requires_grad=True)
        recomputed(counted, features, largest=largest).sum().backward()
        assert len(calls) == expected
