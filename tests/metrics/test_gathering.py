"""Rows of several processes at the first one, and its result everywhere."""

from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes

from glip_pl.errors import UserError
from glip_pl.metrics.gathering import from_first, is_first, several_processes, to_first


def test_a_single_process_has_its_own_rows() -> None:
    assert is_first() and not several_processes()
    ((rows,),) = to_first([torch.arange(3)])
    assert rows.tolist() == [0, 1, 2]
    assert from_first(lambda: 5) == 5


def fail_as_user() -> None:
    raise UserError("wrong file")


def fail() -> None:
    raise ValueError("a defect")


def run_rank(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    own = [torch.full((rank * 2, 3), rank, dtype=torch.float32), torch.arange(1 + rank)]
    shares = [[rows.tolist() for rows in share] for share in to_first(own)]
    expected = [[[], [0]], [[[1.0] * 3] * 2, [0, 1]]]
    assert shares == (expected if rank == 0 else [])
    assert from_first(lambda: {"rank": rank}) == {"rank": 0}
    with pytest.raises(UserError, match="wrong file"):
        from_first(fail_as_user)
    with pytest.raises(ValueError if rank == 0 else RuntimeError, match="a defect"):
        from_first(fail)
    dist.destroy_process_group()
    (folder / f"passed_{rank}").touch()


def test_the_first_of_two_processes_gets_all_rows(tmp_path: Path) -> None:
    # Forked from a process that has imported torch, which takes longer than all the rest.
    get_context("forkserver").set_forkserver_preload([__name__])
    start_processes(run_rank, (tmp_path,), nprocs=2, start_method="forkserver")
    assert {path.name for path in tmp_path.glob("passed_*")} == {"passed_0", "passed_1"}
