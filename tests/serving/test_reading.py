import asyncio
from collections.abc import Iterator

import pytest
from fastapi import HTTPException, Request

from glip_pl.serving.fields import Defaults, Query
from glip_pl.serving.limits import Limits
from glip_pl.serving.reading import read_query

LIMITS = Limits(0.001, 1, 3, 10, 20, 50, 2, 5, 4, 0.2)


def read(body: Iterator[bytes], kind: str) -> Query:
    """What a request with this body in pieces asks for."""

    async def receive() -> dict[str, object]:
        chunk = next(body, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    scope = {"type": "http", "headers": [(b"content-type", kind.encode())]}
    return asyncio.run(read_query(Request(scope, receive), LIMITS, Defaults(0.3, 40)))


def test_a_body_in_pieces_is_read() -> None:
    pieces = iter([b'{"image": "YQ', b'==", "text": "a', b' cat"}'])
    assert read(pieces, "application/json; charset=utf-8") == Query(b"a", "a cat", 0.3, 40)


def test_a_body_that_is_too_large_is_read_on_so_that_its_client_sees_the_answer() -> None:
    pieces = iter([b" " * 400] * 9)
    with pytest.raises(HTTPException, match="at most 1000 bytes"):
        read(pieces, "application/json")
    assert list(pieces) == []


def test_a_body_without_end_is_not_read_on() -> None:
    with pytest.raises(HTTPException, match="at most 1000 bytes"):
        read(iter(lambda: b" " * 400, b""), "application/json")


def test_a_client_that_sends_nothing_is_not_waited_for() -> None:
    async def never() -> dict[str, object]:
        await asyncio.sleep(60)
        return {}

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    with pytest.raises(HTTPException, match=r"0\.2 seconds"):
        asyncio.run(read_query(Request(scope, never), LIMITS, Defaults(0.3, 40)))
