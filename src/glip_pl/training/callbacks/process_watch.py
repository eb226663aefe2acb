"""Ends all processes of a training when one of them has failed or was killed."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from threading import Event, Thread

import pytorch_lightning as pl
import torch.distributed as dist
from pytorch_lightning.utilities.exceptions import SIGTERMException

from glip_pl.errors import UserError, first_line
from glip_pl.training.peers import GONE, Peers

EVERY = 1.0
"""Seconds between two signs of life."""

SILENCE = 20.0
"""Seconds without a sign of life after which a process is taken for dead."""

GRACE = 8.0
"""Seconds that a process has to end by itself: it may wait for one that has ended already."""

LONGEST_SAVE = 20.0
"""Seconds that processes wait at the end for the first one, which may be saving."""

EXIT_CODE = 1
"""With which a process ends that cannot go on without another one."""

SIGNAL_EXIT = 128
"""What shells add to the number of the signal that ended a program."""

_runs = count()  # of this process, as of all others: a sweep has several


class ProcessWatch(pl.Callback):
    """Watches the other processes from a thread, from the first stage of a run to its end.

    Without it the others would wait in a collective operation: until the time limit of the process
    group, half an hour, on GPUs, and with a message that does not name the culprit.
    """

    def __init__(
        self, received: Sequence[int] = (), shared: Mapping[str, str] | None = None
    ) -> None:
        """`received` are the signals of this process so far.

        `shared` are settings that must be the same in all processes.
        """
        self.received, self.shared = received, dict(shared or {})
        self.peers: Peers | None = None  # None in a run of one process
        self.thread: _Watch | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Start to watch: the processes have found one another. Raises UserError."""
        if self.thread is None and trainer.world_size > 1:
            run = next(_runs)
            self.peers = Peers(run)
            self.thread = _Watch(Peers(run), trainer)
            self.thread.start()
            self._compare()

    def _compare(self) -> None:
        """Raise UserError if a setting is another one than in the first process."""
        assert self.peers is not None
        for name, value in self.shared.items():
            first = self.peers.agreed(name, value)
            if first != value:
                raise UserError(
                    f"{name} is {value} in process {self.peers.rank}, and {first} in the first "
                    "one: give all processes the same hydra.run.dir, or start them with srun, or "
                    "with torchrun and --rdzv-id"
                )

    @contextmanager
    def ended_together(self) -> Iterator[None]:
        """Tell the others when the block fails, and wait for them when it has ended.

        Raises SIGTERMException instead of what the end of others causes here if they stop as asked.
        """
        try:
            yield
        except SystemExit:
            self._leave()
            raise
        except BaseException as error:
            self._fail(error)
            raise
        else:
            self._leave()

    def _leave(self) -> None:
        """Wait for the first process, which may be saving; that one, which has the store, for all.

        So that a launcher that kills all after the first exit kills no process that saves.
        """
        peers, thread = self.peers, self.thread
        if thread is None or peers is None:
            return
        try:
            thread.leaving = True
            if peers.rank > 0:
                _wait_until(lambda: peers.sign_of(0) == GONE)
            thread.end()
            peers.live(GONE)
            if peers.rank == 0:
                _wait_until(peers.all_gone)
        except dist.DistError:
            return  # the first one has not waited

    def _fail(self, error: BaseException) -> None:
        """Report an error, unless it only follows from the end of another process."""
        if self.thread is None or self.peers is None:
            return
        try:
            if follows_from_others(error):
                # Meanwhile the watch finds the culprit, and ends this process with its name.
                _wait_until(self._is_stopped, SILENCE + EVERY)
                if self._is_stopped():
                    raise SIGTERMException from error
            self.peers.report_failure(first_line(error))
            self.thread.end()
            self.peers.live(GONE)
        except dist.DistError:
            self.thread.join(SILENCE + EVERY)

    def _is_stopped(self) -> bool:
        """Whether a signal asks this process, or one of the others, to stop."""
        return bool(self.received) or (self.peers is not None and self.peers.stop() is not None)


class _Watch(Thread):
    """Gives signs of life, and looks for those of the next process: each is watched by one."""

    def __init__(self, peers: Peers, trainer: pl.Trainer) -> None:
        super().__init__(name="process watch", daemon=True)
        self.peers = peers
        self.trainer = trainer
        self.watched = (peers.rank + 1) % peers.count
        self.sign: str | None = None  # of the watched process
        self.changed = time.monotonic()  # when that was new
        self.since: dict[str, float] = {}  # when something was seen first
        self.done = Event()
        self.leaving = False  # the main thread has ended its part, and waits for the first process

    def end(self) -> None:
        """Stop watching."""
        self.done.set()
        self.join()

    def run(self) -> None:
        """Look again and again; end the process where it cannot go on."""
        try:
            for beat in count():
                self.peers.live(str(beat))
                self._look()
                if self.done.wait(EVERY):
                    return
        except dist.DistError:  # the store has ended with the first process
            if not self.done.is_set() and not self.leaving:
                self._exit(EXIT_CODE, _killed(0, self.peers.count) * (self.peers.rank == 1))

    def _look(self) -> None:
        """End this process if another one has failed or is silent, or if all are to stop."""
        failure, stop = self.peers.failure(), self.peers.stop()
        if failure is not None and failure[0] != self.peers.rank and self._lasts("failure"):
            self._exit(EXIT_CODE)
        # What an evaluation needs has been saved before; in training the batches come to an end.
        if stop is not None and self.trainer.evaluating and self._lasts("stop"):
            with suppress(UserError):
                self.trainer.strategy.checkpoint_io.teardown()  # it may be writing that checkpoint
            self.peers.live(GONE)
            _wait_until(lambda: self.peers.rank > 0 or self.peers.all_gone(), 2 * EVERY)
            message = stopped_by(stop.number) if self.peers.rank == 0 else ""
            self._exit(SIGNAL_EXIT + stop.number, message)
        sign, now = self.peers.sign_of(self.watched), time.monotonic()
        if sign != self.sign:
            self.sign, self.changed = sign, now
        elif sign != GONE and now - self.changed > SILENCE:
            message = _killed(self.watched, self.peers.count)
            self.peers.report_failure(message)
            self._exit(EXIT_CODE, message)

    def _lasts(self, what: str) -> bool:
        """Whether what is so now was so GRACE seconds ago."""
        now = time.monotonic()
        return now - self.since.setdefault(what, now) > GRACE

    def _exit(self, code: int, message: str = "") -> None:
        """End the process at once: its main thread waits for something that will not come."""
        if message:
            print(message, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def stopped_by(number: int) -> str:
    """The message of a run that a signal has stopped."""
    return f"stopped by {signal.Signals(number).name}; resume=last continues the run"


def _wait_until(ended: Callable[[], bool], seconds: float = LONGEST_SAVE) -> None:
    """Wait until it is so, or some seconds."""
    limit = time.monotonic() + seconds
    while not ended() and time.monotonic() < limit:
        time.sleep(0.05)


def follows_from_others(error: BaseException) -> bool:
    """Whether an error is what a collective operation raises when another process has ended."""
    is_gloo = isinstance(error, RuntimeError) and "gloo" in str(error)
    return isinstance(error, dist.DistError) or is_gloo


def _killed(rank: int, count: int) -> str:
    return (
        f"error: process {rank} of {count} (counted from 0) has ended without a word: it was "
        "killed, or its machine has failed. All other processes end too; resume=last continues the "
        "run from its last save"
    )
