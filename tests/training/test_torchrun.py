"""Processes that torchrun starts again; a training is in test_several_processes.py."""

from concurrent.futures import ThreadPoolExecutor

import pytorch_lightning as pl
import torch.distributed as dist
from torch.distributed import HashStore  # type: ignore[attr-defined]  # not in its types

from glip_pl.training.torchrun import common_word, meet


def words(store: HashStore, count: int) -> list[str]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda rank: common_word(store, rank, count), range(count)))


def test_processes_agree_on_a_word_that_no_earlier_ones_had() -> None:
    store = HashStore()
    before = words(store, 4)
    store.set("question/2", "of a process that was killed when it had asked")
    after = words(store, 4)
    assert len(set(before)) == len(set(after)) == 1
    assert before != after


def test_without_torchrun_lightning_founds_the_group() -> None:
    trainer = pl.Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    meet(trainer)
    assert not dist.is_initialized()
