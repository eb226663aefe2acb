from copy import deepcopy

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from glip_pl.training.optimizer import GroupedAdamW


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.text_encoder = nn.Linear(3, 3)
        self.head = nn.Linear(3, 3)
        self.frozen = nn.Linear(3, 3).requires_grad_(False)


def test_every_trainable_parameter_is_in_the_right_group_once() -> None:
    model = Two()
    optimizer = GroupedAdamW(lr=1e-4, text_lr=1e-5, weight_decay=0.3)(model)
    rates = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(rates) == 4
    assert rates[id(model.head.weight)] == (1e-4, 0.3)
    assert rates[id(model.head.bias)] == (2e-4, 0.0)
    assert rates[id(model.text_encoder.weight)] == (1e-5, 0.3)
    assert rates[id(model.text_encoder.bias)] == (2e-5, 0.0)


def stepped(optimizer: Optimizer, model: nn.Module, gradient: float, left_out: float) -> None:
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    if optimizer.defaults["fused"]:
        optimizer.found_inf = torch.tensor(left_out)  # type: ignore[attr-defined]  # torch's name
    optimizer.step()


def test_a_step_that_is_left_out_changes_neither_weights_nor_moments() -> None:
    model = Two()
    optimizer = GroupedAdamW()(model)
    stepped(optimizer, model, 0.5, left_out=0.0)
    before = deepcopy((model.state_dict(), optimizer.state_dict()["state"]))
    stepped(optimizer, model, float("nan"), left_out=1.0)
    after = (model.state_dict(), optimizer.state_dict()["state"])
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    stepped(optimizer, model, 0.5, left_out=0.0)
    assert not model.head.weight.equal(before[0]["head.weight"])


def test_a_state_of_an_optimizer_that_was_not_fused_continues_fused() -> None:
    torch.manual_seed(0)
    model = Two()
    old = AdamW(GroupedAdamW().groups(model.named_parameters()), foreach=True)
    stepped(old, model, 0.5, left_out=0.0)
    state = deepcopy(old.state_dict())
    twin = deepcopy(model)
    new = GroupedAdamW()(twin)
    new.load_state_dict(state)
    assert [group["fused"] for group in new.param_groups] == [True] * len(new.param_groups)
    stepped(old, model, -0.2, left_out=0.0)
    stepped(new, twin, -0.2, left_out=0.0)
    torch.testing.assert_close(twin.state_dict(), model.state_dict())
    assert state["param_groups"][0]["fused"] is None  # what was given is not changed
