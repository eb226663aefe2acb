"""Who labels the shards: this process, or the workers of a Ray cluster."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from glip_pl.errors import UserError

Label = Callable[[int], None]
"""Labels the shard of a number."""


@dataclass(frozen=True)
class Local:
    """One after the other in this process."""

    def __call__(self, make: Callable[[], Label], shards: Sequence[int]) -> Iterator[int]:
        """`make` loads the teacher; yields the number of every shard that was looked at."""
        label = make()
        for shard in shards:
            label(shard)
            yield shard


@dataclass(frozen=True)
class Ray:
    """By Ray Data, whose workers keep a teacher each. One that dies is replaced."""

    workers: int
    gpus: float = 0  # of each worker
    cpus: float = 1
    address: str | None = None

    def __call__(self, make: Callable[[], Label], shards: Sequence[int]) -> Iterator[int]:
        """As `Local`, in the order in which shards are done. Raises UserError without Ray."""
        try:
            import ray
        except ImportError as error:
            raise UserError("engine=ray needs Ray: pip install 'glip_pl[ray]'") from error
        ray.init(
            self.address,
            ignore_reinit_error=True,
            log_to_driver=False,
            logging_level=logging.WARNING,
            include_dashboard=False,
        )
        # Its progress is of operators and rows; ours is of shards.
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        rows = [{"shard": shard} for shard in shards]
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _Worker,
            fn_constructor_args=(make,),
            compute=ray.data.ActorPoolStrategy(size=min(self.workers, len(rows))),
            num_gpus=self.gpus,
            num_cpus=self.cpus,
        )
        try:
            for row in done.iter_rows():
                yield int(row["shard"])
        finally:
            ray.shutdown()


class _Worker:
    """What Ray keeps alive in every worker."""

    def __init__(self, make: Callable[[], Label]) -> None:
        self.label = make()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        self.label(int(row["shard"]))
        return row
