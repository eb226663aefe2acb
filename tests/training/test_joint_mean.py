from pathlib import Path

import torch
import torch.distributed as dist

from glip_pl.training.joint_mean import begin_joint_mean
from tests.training.processes import together


def own_and_joint() -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.tensor([1.0, 10.0]) * (dist.get_rank() + 1)
    mean = begin_joint_mean(values)
    return values, mean()


def test_the_mean_of_two_processes_is_the_same_in_both(tmp_path: Path) -> None:
    (first, mean), (second, same) = together(own_and_joint, tmp_path)
    assert mean.tolist() == same.tolist() == [1.5, 15.0]
    assert first.tolist() == [1.0, 10.0] and second.tolist() == [2.0, 20.0]


def test_a_single_process_has_the_mean_already() -> None:
    values = torch.tensor([3.0])
    assert begin_joint_mean(values)() is values
