import time
from queue import Queue
from typing import Any

from glip_pl.serving.fields import Query
from glip_pl.serving.worker import DetectionAPI, ModelSource, WaitingLoop

QUERY = Query(b"", "a cat", 0.3, 10)


def batch_of(waiting: int, size: int = 4, age: float = 0.0) -> tuple[list[Any], list[Any], int]:
    """The next batch, the late requests, and the number of those that still wait."""
    queue: Queue[Any] = Queue()
    for number in range(waiting):
        queue.put((0, str(number), time.monotonic() - age, QUERY))
    api = DetectionAPI(ModelSource("", "cpu", None, 1), 100, size, wait=0.0)
    api.request_timeout = 5.0
    batch, late = WaitingLoop().get_batch_requests(api, queue, None)
    return batch, late, queue.qsize()


def test_a_batch_is_what_waits() -> None:
    assert batch_of(1) == ([(0, "0", QUERY)], [], 0)
    batch, late, left = batch_of(6)
    assert [key for _, key, _ in batch] == ["0", "1", "2", "3"]
    assert (late, left) == ([], 2)


def test_requests_whose_clients_have_left_are_not_computed() -> None:
    assert batch_of(2, age=6.0) == ([], [(0, "0"), (0, "1")], 0)
