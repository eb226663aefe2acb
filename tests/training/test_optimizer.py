from torch import nn

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
