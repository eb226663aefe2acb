import pytest
import torch
from torch import nn

from glip_pl.training.schedule import Plateau, WarmUpSteps


def test_the_rate_warms_up_and_drops_twice() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = WarmUpSteps(warm_up=10)(optimizer, 100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(0.001)
    assert rates[5] == pytest.approx(0.5005)
    assert rates[10] == rates[66] == pytest.approx(1)
    assert rates[67] == rates[88] == pytest.approx(0.1)
    assert rates[89] == rates[99] == pytest.approx(0.01)


def test_the_decay_of_glip_l_drops_before_the_rate() -> None:
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [
        {"params": parameters[:1], "weight_decay": 0.01},
        {"params": parameters[1:], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    schedule = WarmUpSteps(warm_up=10, drops_decay=True)(optimizer, 1000)
    decays = []
    for _ in range(1000):
        decays.append([group["weight_decay"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    assert decays[0] == decays[446] == [0.01, 0.0]
    assert decays[447] == decays[593] == [pytest.approx(0.001), 0.0]
    assert decays[594] == decays[999] == [pytest.approx(0.0001), 0.0]


def test_a_short_training_warms_up_for_half_of_it() -> None:
    assert WarmUpSteps(2000).factor(49, 100) < 1
    assert WarmUpSteps(2000).factor(50, 100) == 1
    assert WarmUpSteps(2000).factor(0, 1) == 1


def test_the_rate_drops_when_validation_stays_no_better() -> None:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=1e-3)
    plateau = Plateau(patience=2)(optimizer, 100)
    rates = []
    for score in (0.1, 0.2, 0.2, 0.1, 0.2, 0.3, *[0.3] * 12):  # as good is no better
        plateau.step(score)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[:8] == pytest.approx([1e-3] * 4 + [1e-4] * 4)
    assert rates[8] == pytest.approx(1e-5)
    assert rates[-1] == pytest.approx(1e-6)
    resumed = Plateau(patience=5)(optimizer, 100)
    resumed.load_state_dict(plateau.state_dict())
    assert (resumed.best, resumed.patience) == (plateau.best, 5)
