import pytest
import torch
from torch import Tensor

from glip_pl.checkpoints.interpolation import interpolated
from glip_pl.checkpoints.reading import Checkpoint
from glip_pl.errors import UserError


def checkpoint(**weights: Tensor) -> Checkpoint:
    return Checkpoint(weights, {})


def test_a_share_of_the_new_weights_is_mixed_in() -> None:
    old = checkpoint(weight=torch.tensor([0.0, 4.0]), steps=torch.tensor(3))
    new = checkpoint(weight=torch.tensor([8.0, 0.0]), steps=torch.tensor(5))
    mixed = interpolated(old, new, 0.25)
    assert mixed["weight"].tolist() == [2.0, 3.0]
    assert int(mixed["steps"]) == 5
    assert interpolated(old, new, 0.0)["weight"].tolist() == [0.0, 4.0]
    assert interpolated(old, new, 1.0)["weight"].tolist() == [8.0, 0.0]


@pytest.mark.parametrize(
    "other",
    [
        checkpoint(),
        checkpoint(weight=torch.ones(3)),
        checkpoint(weight=torch.ones(2), bias=torch.ones(2)),
    ],
)
def test_different_models_cannot_be_mixed(other: Checkpoint) -> None:
    with pytest.raises(UserError, match="of different models"):
        interpolated(checkpoint(weight=torch.ones(2)), other, 0.5)


def test_types_may_differ_and_tensors_may_share_their_memory() -> None:
    shared = torch.tensor(3)
    old = checkpoint(weight=torch.tensor([0, 4]), first=shared, second=shared)
    new = checkpoint(weight=torch.tensor([8.0, 0.0]).half(), first=shared, second=shared)
    mixed = interpolated(old, new, 0.25)
    assert mixed["weight"].tolist() == [2.0, 3.0]
    assert mixed["weight"].dtype == torch.float16
    assert mixed["first"].data_ptr() != mixed["second"].data_ptr()
