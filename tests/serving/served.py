"""Starts the server or the page as people do, in processes of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

HEALTH = {"serve": "/health", "demo": "/"}
"""Where each command answers when it is ready."""

PATIENCE = 120
"""Seconds until a server must answer; the machine may be busy."""


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A running server, or page."""

    def __init__(
        self, checkpoint: Path, *settings: str, port: int | None = None, command: str = "serve"
    ) -> None:
        self.port = port or free_port()
        self.health = HEALTH[command]
        words = [f"ckpt={checkpoint}", f"port={self.port}", "device=cpu", *settings]
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"glip_pl.{command}", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE)

    def wait_until_ready(self) -> None:
        """Return when it is healthy; fails if it ends instead, or takes too long."""
        for _ in range(PATIENCE * 10):
            assert self.process.poll() is None, self.output()
            with contextlib.suppress(httpx.TransportError):
                if self.client.get(self.health).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def output(self) -> str:
        """What it has said; waits for its end, and fails if a process keeps the pipe open."""
        return self.process.communicate(timeout=30)[0]

    def listens(self) -> bool:
        """Whether something still listens on its port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextlib.contextmanager
def serving(
    checkpoint: Path, *settings: str, port: int | None = None, command: str = "serve"
) -> Iterator[Served]:
    """A server that is ready; it is killed at the end if the test has not ended it."""
    served = Served(checkpoint, *settings, port=port, command=command)
    try:
        served.wait_until_ready()
        yield served
    finally:
        served.client.close()
        served.process.kill()
        served.output()


def assert_refused(answer: httpx.Response, status: int, *words: str) -> None:
    """Assert that the answer is JSON with one line that has these words."""
    detail = answer.json()["detail"]
    assert answer.status_code == status, detail
    assert list(answer.json()) == ["detail"]
    for word in words:
        assert word in detail
    assert "Traceback" not in answer.text and "\n" not in detail and len(detail) < 400
