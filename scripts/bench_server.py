"""Requests per second of the server, beside plain calls of a Predictor in one process.

    python -m scripts.bench_server --ckpt runs/shapes_demo/.../checkpoints/best.ckpt

The same PNG files are answered by both sides, one after the other: decoded and detected one by one
by a Predictor, and sent to a server on this machine by several clients at a time. The answers must
be those of the Predictor; the ratio of the rates is the result.
"""

import argparse
import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from threading import local
from typing import Any

import httpx
import numpy as np
from PIL import Image

from glip_pl.processors import settle_threads

settle_threads()  # as commands do, before PyTorch is imported by what follows

from glip_pl.data.shapes.scenes import SEEN, scene  # noqa: E402  # loads PyTorch: see above
from glip_pl.inference.predictor import Predictor  # noqa: E402  # loads PyTorch: see above

NAMES = ["circle", "square", "triangle", "star"]
LISTED = 8
"""Pictures of a call with a list; as many requests as the server answers together."""

SCORES, PIXELS = 1e-5, 0.01
"""How much answers may differ: in a batch, sums have another order."""


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt", required=True)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--settings", nargs="*", default=[], help="of the server: workers=2 ...")
    return parser.parse_args()


def picture_file(number: int, side: int) -> bytes:
    """A PNG file with shapes."""
    random = np.random.default_rng(number)
    picture, _ = scene(side, [SEEN[int(random.integers(len(SEEN)))] for _ in range(5)], random)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def answers(port: int) -> bool:
    """Whether a server is ready there."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def server(options: argparse.Namespace) -> Iterator[str]:
    """The address of a running server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [f"ckpt={options.ckpt}", f"port={port}", f"device={options.device}", *options.settings]
    process = subprocess.Popen([sys.executable, "-m", "glip_pl.serve", *words])
    try:
        while process.poll() is None and not answers(port):
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def ask(
    address: str, files: Sequence[bytes], options: argparse.Namespace
) -> tuple[list[Any], list[float]]:
    """The answers to all requests, and the seconds that each took."""
    own = local()

    def one(number: int) -> tuple[Any, float]:
        if not hasattr(own, "client"):
            own.client = httpx.Client(base_url=address, timeout=120)
        started = time.perf_counter()
        answer = own.client.post(
            "/predict", data={"names": NAMES}, files={"image": files[number % len(files)]}
        )
        answer.raise_for_status()
        return answer.json(), time.perf_counter() - started

    with ThreadPoolExecutor(options.clients) as clients:
        pairs = list(clients.map(one, range(options.requests)))
    return [answer for answer, _ in pairs], [seconds for _, seconds in pairs]


def differs(answer: Any, expected: Any) -> bool:
    """Whether an answer has other boxes than a result has."""
    found, wanted = answer["boxes"], expected["boxes"]
    if [box["name"] for box in found] != [box["name"] for box in wanted]:
        return True
    return any(
        abs(one["score"] - other["score"]) > SCORES
        or max(abs(a - b) for a, b in zip(one["box"], other["box"], strict=True)) > PIXELS
        for one, other in zip(found, wanted, strict=True)
    )


def main() -> None:
    options = read_options()
    files = [picture_file(number, options.side) for number in range(options.pictures)]
    predictor = Predictor.load(options.ckpt, options.device)
    names = predictor.encode(NAMES)

    def decoded(number: int) -> Image.Image:
        return Image.open(io.BytesIO(files[number % len(files)])).convert("RGB")

    def plain_call(number: int) -> Any:
        return predictor(decoded(number), names).to_dict()

    expected = [plain_call(number) for number in range(len(files))]  # and warms up
    started = time.perf_counter()
    for number in range(options.requests):
        plain_call(number)
    plain = time.perf_counter() - started
    started = time.perf_counter()
    for first in range(0, options.requests, LISTED):
        predictor([decoded(number) for number in range(first, first + LISTED)], names)
    listed = time.perf_counter() - started
    with server(options) as address:
        ask(address, files, argparse.Namespace(**{**vars(options), "requests": options.clients}))
        started = time.perf_counter()
        received, seconds = ask(address, files, options)
        served = time.perf_counter() - started
    wrong = sum(
        differs(answer, expected[number % len(files)]) for number, answer in enumerate(received)
    )
    ordered = sorted(seconds)
    print(f"{options.requests} pictures of {options.side} pixels, {predictor.device}")
    print(f"plain calls      {options.requests / plain:7.1f} pictures/s")
    print(f"lists of {LISTED}       {options.requests / listed:7.1f} pictures/s")
    print(
        f"server           {options.requests / served:7.1f} requests/s, {options.clients} clients"
    )
    print(f"ratio            {plain / served:7.2f}")
    print(
        f"latency          {median(ordered) * 1e3:7.0f} ms, 95 % within "
        f"{ordered[int(0.95 * len(ordered))] * 1e3:.0f} ms"
    )
    print(f"lost {options.requests - len(received)}, other answers {wrong}")


if __name__ == "__main__":
    main()
