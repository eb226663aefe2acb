from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from glip_pl.errors import UserError
from glip_pl.models import bert, recomputing
from glip_pl.models.image_encoder import ImageEncoder
from glip_pl.models.recomputing import RecomputedBlock, recompute_blocks, recomputed
from tests.models.test_bert import small_bert


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


def swin(recompute: bool) -> nn.Module:
    torch.manual_seed(0)
    numbers = [100.0, 100.0, 100.0]
    encoder = ImageEncoder(
        "swin_tiny_patch4_window7_224", [1, 2, 3], numbers, numbers, recompute=recompute,
        pretrained=False, strict_img_size=False, embed_dim=12, drop_path_rate=0.3,
    )  # fmt: skip
    return encoder.train()


def image_step(encoder: nn.Module) -> tuple[Tensor, list[Tensor]]:
    torch.manual_seed(1)
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    stages = encoder(images, torch.tensor([[64, 96], [60, 80]]))
    total = sum(stage.square().mean() for stage in stages[1:]) + stages[0].mean()
    return total, list(torch.autograd.grad(total, list(encoder.parameters()), allow_unused=True))


def text_step(encoder: nn.Module) -> tuple[Tensor, list[Tensor]]:
    torch.manual_seed(1)
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    hidden = encoder(torch.arange(14).view(2, 7), attention_mask=mask).last_hidden_state
    return hidden, list(torch.autograd.grad(hidden.square().sum(), list(encoder.parameters())))


def saved_bytes(step: Any, encoder: nn.Module) -> int:
    """Bytes of what a step stores for its backward pass."""
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step(encoder)
    return sum(sizes.values())


def check_equal_and_smaller(step: Any, plain: nn.Module, again: nn.Module) -> None:
    assert any(isinstance(one, RecomputedBlock) and one.recompute for one in again.modules())
    for ours, theirs in zip(tree_leaves(step(again)), tree_leaves(step(plain)), strict=True):
        assert (ours is None and theirs is None) or torch.equal(ours, theirs)
    assert saved_bytes(step, again) < 0.7 * saved_bytes(step, plain)


def test_swin_blocks_that_compute_again_give_the_same_bits() -> None:
    """With random paths dropped."""
    check_equal_and_smaller(image_step, swin(False), swin(True))


def test_layers_of_bert_that_compute_again_give_the_same_bits() -> None:
    """With dropout."""
    plain, again = small_bert().train(), small_bert().train()
    bert.adapt(plain)
    bert.adapt(again, recompute=True)
    check_equal_and_smaller(text_step, plain, again)


def test_an_encoder_without_such_blocks_is_refused() -> None:
    with pytest.raises(UserError, match=r"model.image_encoder.recompute=true: only the layers"):
        recompute_blocks(nn.Linear(2, 2), "model.image_encoder.recompute")
