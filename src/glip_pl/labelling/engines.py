"""Engines that run a labelling job: this process, or the workers of a Ray cluster."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from glip_pl.errors import require_extra

Label = Callable[[int], None]
"""Labels the shard of a given number."""


@dataclass(frozen=True)
class Local:
    """Labels one shard after another in this process."""

    def __call__(self, make: Callable[[], Label], shards: Sequence[int]) -> Iterator[int]:
        """Call `make`, which loads the teacher; yields the number of every completed shard."""
        label = make()
        for shard in shards:
            label(shard)
            yield shard


@dataclass(frozen=True)
class Ray:
    """Labels shards in the workers of Ray Data, each with a teacher; dead workers are replaced."""

    workers: int
    gpus: float = 0  # per worker
    cpus: float = 1  # per worker
    address: str | None = None  # of a running cluster; None starts one on this machine

    def __call__(self, make: Callable[[], Label], shards: Sequence[int]) -> Iterator[int]:
        """Yields the numbers of the shards in the order in which they are completed.

        `make` loads the teacher in a worker. Raises UserError if Ray is not installed.
        """
        require_extra("ray", "ray", "engine=ray")
        import ray

        ray.init(
            self.address,
            ignore_reinit_error=True,
            log_to_driver=False,
            logging_level=logging.WARNING,
            include_dashboard=False,
        )
        # Ray's progress bars count operators and rows; the command shows shards instead.
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        rows = [{"shard": shard} for shard in shards]
        labelled = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _Worker,
            fn_constructor_args=(make,),
            compute=ray.data.ActorPoolStrategy(size=min(self.workers, len(rows))),
            num_gpus=self.gpus,
            num_cpus=self.cpus,
        )
        try:
            for row in labelled.iter_rows():
                yield int(row["shard"])
        finally:
            ray.shutdown()


class _Worker:
    """A Ray actor: keeps the teacher loaded between shards."""

    def __init__(self, make: Callable[[], Label]) -> None:
        self.label = make()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        self.label(int(row["shard"]))
        return row
