from pathlib import Path
from typing import Any

import pytest
import torch

from glip_pl.checkpoints.weights import check_weights, non_finite
from glip_pl.errors import UserError


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({5: torch.zeros(1)}, "the weight 5 is not named by a text"),
        ({"a": "text"}, "the weight a is no tensor but of the type str"),
        ({"a": torch.zeros(1, device="meta")}, "no values"),
        ({"a": torch.zeros(2, 2).to_sparse()}, "no dense tensor"),
        ({"a": torch.zeros(2, dtype=torch.complex64)}, "no dense tensor"),
        ({"a": torch.zeros(1).expand(10**6, 10**6)}, "claims more values than the file holds"),
        ({"dyhead_tower.999999999.x": torch.zeros(1)}, "a layer that no model has"),
    ],
)
def test_weights_are_dense_tensors_under_sensible_names(
    weights: dict[Any, Any], message: str
) -> None:
    with pytest.raises(UserError, match=rf"x\.ckpt is no readable checkpoint: .*{message}"):
        check_weights(weights, Path("x.ckpt"))


def test_ordinary_weights_pass() -> None:
    weights = {
        "layers.0.blocks.17.weight": torch.zeros(2, 3).T,
        "bias": torch.zeros(0, dtype=torch.bfloat16),
        "steps": torch.tensor(3),
        "half": torch.nn.Parameter(torch.zeros(4))[:2],
    }
    check_weights(weights, Path("x.ckpt"))


def test_weights_with_nan_or_infinite_values_are_named() -> None:
    weights = {
        "sound": torch.tensor([1e38, 1e38]),
        "nan": torch.tensor([0.0, torch.nan]),
        "infinite": torch.tensor([-torch.inf], dtype=torch.bfloat16),
        "integers": torch.tensor([3]),
    }
    assert non_finite(weights) == ["nan", "infinite"]
