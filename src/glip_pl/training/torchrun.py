"""Lets processes that torchrun has started again meet without what earlier ones have left."""

import os
import time
from datetime import timedelta
from uuid import uuid4

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # public, but not in its types
from torch.distributed.distributed_c10d import PrefixStore, Store

WAITING = timedelta(minutes=10)
"""How long processes wait for one another at the start."""


def meet(trainer: pl.Trainer) -> None:
    """Found the process group, unless torchrun has not started this process: Lightning does then.

    torchrun keeps its store when it starts processes again, with the addresses of those that have
    ended, and the processes might try to reach these (PyTorch's issue 135712, not solved in 2.15).
    """
    environment = os.environ
    has_store = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if trainer.world_size == 1 or not has_store or dist.is_initialized():
        return
    rank, count = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    address, port = environment["MASTER_ADDR"], int(environment["MASTER_PORT"])
    store = TCPStore(address, port, count, is_master=False, timeout=WAITING)
    strategy = trainer.strategy
    if strategy.root_device.type == "cuda":
        torch.cuda.set_device(strategy.root_device)
    dist.init_process_group(
        strategy._get_process_group_backend(),  # type: ignore[attr-defined]  # of all strategies of several processes
        store=PrefixStore(common_word(store, rank, count), store),
        rank=rank,
        world_size=count,
        timeout=strategy._timeout,  # type: ignore[attr-defined]  # of the same strategies
    )


def common_word(store: Store, rank: int, count: int) -> str:
    """A word that the processes that live now have in common, and none had before.

    The first process invents it. It answers the question of each other one, which is new too: a
    process of before may have left one, and an answer that nobody reads.
    """
    if rank > 0:
        question = uuid4().hex
        store.set(f"question/{rank}", question)
        word = store.get(f"answer/{question}").decode()
        store.set(f"heard/{rank}/{word}", "")
        return word
    word, limit = uuid4().hex, time.monotonic() + WAITING.total_seconds()
    missing = set(range(1, count))
    while missing and time.monotonic() < limit:
        for other in missing:
            if store.check([f"question/{other}"]):
                question = store.get(f"question/{other}").decode()
                store.set(f"answer/{question}", word)
        missing = {other for other in missing if not store.check([f"heard/{other}/{word}"])}
        time.sleep(0.02)
    return word
