"""The process with the model: takes requests from a queue, and answers those that wait together."""

import logging
import signal
import sys
import time
from dataclasses import dataclass
from queue import Empty
from typing import Any

import torch
from litserve import LitAPI
from litserve.loops import BatchedLoop
from litserve.specs.base import LitSpec

from glip_pl.errors import UserError
from glip_pl.inference.predictor import Predictor
from glip_pl.serving.answering import Answer, Answering
from glip_pl.serving.fields import Query
from glip_pl.serving.processes import end_with_parent

PATH = "/predict"
"""Where the server takes requests."""


@dataclass(frozen=True)
class ModelSource:
    """What a worker builds its model from."""

    checkpoint: str
    device: str
    tokenizer: str | None
    workers: int  # which share the cores


class OwnRoute(LitSpec):
    """Keeps litserve from adding a route: its own parses bodies without limits and messages."""

    def __init__(self) -> None:
        super().__init__()
        self.api_path = PATH


class WaitingLoop(BatchedLoop):
    """Waits for a request at rest; litserve's own loop asks a thousand times a second."""

    def get_batch_requests(
        self, lit_api: LitAPI, request_queue: Any, transport: Any
    ) -> tuple[list[tuple[int, str, Query]], list[tuple[int, str]]]:
        """The requests for the next batch, and those whose clients have stopped waiting.

        The batch is what waits already, and what arrives within `batch_timeout` seconds.
        """
        batch: list[tuple[int, str, Query]] = []
        late: list[tuple[int, str]] = []
        item = request_queue.get()
        end = time.monotonic() + lit_api.batch_timeout
        while True:
            server, key, sent, query = item
            if time.monotonic() - sent > lit_api.request_timeout:
                late.append((server, key))
            else:
                batch.append((server, key, query))
            if len(batch) >= lit_api.max_batch_size:
                return batch, late
            try:
                item = request_queue.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                return batch, late


class DetectionAPI(LitAPI):
    """What litserve calls in each worker."""

    def __init__(self, source: ModelSource, pixels: int, size: int, wait: float) -> None:
        """`pixels` is the size of the largest picture, `size` that of a batch.

        `wait` are the seconds for which a request may wait for others to join its batch.
        """
        super().__init__(size, wait, spec=OwnRoute(), loop=WaitingLoop())
        self.source = source
        self.pixels = pixels

    def setup(self, device: str) -> None:
        """Load the model. litserve's `device` is not used: the settings name one."""
        end_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process
        source = self.source
        torch.set_num_threads(max(1, torch.get_num_threads() // source.workers))
        try:
            predictor = Predictor.load(source.checkpoint, source.device, source.tokenizer)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            logging.getLogger("litserve").disabled = True  # it would print the traceback
            logging.getLogger("litserve.loops.loops").disabled = True
            raise
        self.answering = Answering(predictor, self.pixels)

    def predict(self, x: list[Query]) -> list[Answer]:
        """The answers to the requests of a batch, in order."""
        return self.answering.answer(x)

    def decode_request(self, request: Query) -> Query:
        """Pictures are decoded in `predict`, so that a broken one spoils no batch."""
        return request

    def encode_response(self, output: Answer) -> Answer:
        """Answers are turned into JSON where they are sent."""
        return output

    def batch(self, inputs: list[Query]) -> list[Query]:
        """Requests are not stacked: the predictor batches pictures of equal size."""
        return inputs
