import signal
import subprocess
import sys

import pytest

from glip_pl.serving.processes import stopping_signals

PARENT = """
import multiprocessing, os, signal, time
from glip_pl.serving.processes import end_with_parent

def child():
    end_with_parent()
    print("started", flush=True)
    time.sleep(600)

multiprocessing.get_context("fork").Process(target=child).start()
time.sleep(600)
"""


def test_a_process_ends_with_its_parent_even_if_that_is_killed() -> None:
    words = [sys.executable, "-c", PARENT]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        parent.kill()
        assert parent.stdout.read() == ""  # returns when the child has ended as well


def test_a_signal_ends_the_program_once() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopping_signals() as stopped:
        assert not stopped.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        assert stopped.is_set()
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
