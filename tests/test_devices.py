import pytest
import torch

from glip_pl.devices import AUTO, chosen_device
from glip_pl.errors import UserError


def test_a_gpu_is_chosen_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *size, device: zeros(*size))  # no GPU is needed
    for cuda, mps, expected in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert chosen_device(AUTO) == torch.device(expected)


@pytest.mark.parametrize("name", ["meta", "gpu", "cuda:77"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"device={name} is not available, use auto, cpu, cuda"):
        chosen_device(name)


def test_the_cpu_is_always_there() -> None:
    assert chosen_device("cpu") == torch.device("cpu")
