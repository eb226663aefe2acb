"""Reads requests within limits."""

import asyncio
import logging
from collections.abc import AsyncGenerator

from fastapi import HTTPException, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import ClientDisconnect

from glip_pl.errors import first_line, shown
from glip_pl.serving.fields import Defaults, Fields, JsonRequest, Query
from glip_pl.serving.limits import Limits
from glip_pl.serving.refusals import MALFORMED, too_large, wrong

log = logging.getLogger(__name__)

LATE, FOREIGN = 408, 415
"""Status codes: the body did not arrive in time; it is of another type."""

BOX_BYTES = 128
"""Bytes of a box in JSON, at most: four numbers with all their digits, and spaces."""

DISCARDED = 4
"""How often the largest body is read on, to reach a client that does not listen while it sends."""


async def read_query(request: Request, limits: Limits, defaults: Defaults) -> Query:
    """The checked request. Raises HTTPException that names the culprit and the limit."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        async with asyncio.timeout(limits.seconds):
            if kind == "multipart/form-data":
                return await _form_query(request, limits, defaults)
            if kind == "application/json":
                return await _json_query(request, limits, defaults)
    except TimeoutError:
        message = f"the body did not arrive within {limits.seconds:g} seconds"
        raise HTTPException(LATE, message) from None
    except ClientDisconnect:
        raise HTTPException(MALFORMED, "the client left before its request was complete") from None
    raise HTTPException(
        FOREIGN,
        f"content-type: {shown(kind) or 'none'}; send application/json or multipart/form-data",
    )


async def _json_query(request: Request, limits: Limits, defaults: Defaults) -> Query:
    body = b"".join([chunk async for chunk in _limited(request, limits)])

    def parse() -> Query:
        fields = JsonRequest.of_json(body)
        return fields.query(fields.picture(), defaults, limits, fields.examples())

    return await asyncio.to_thread(parse)  # megabytes of base64 would hold up other requests


async def _form_query(request: Request, limits: Limits, defaults: Defaults) -> Query:
    form = await _form(request, limits)
    try:
        pictures, like = await _files(form, "image"), await _files(form, "like")
        if len(pictures) != 1:
            raise wrong(f"image: {len(pictures)} values; send one file")
        values = {name: form.getlist(name) for name in form if name not in ("image", "like")}
        fields = Fields.of_form({name: _value(name, given) for name, given in values.items()})
        examples = like if len(like) > 1 else next(iter(like), None)
        return fields.query(pictures[0], defaults, limits, examples)
    finally:
        await form.close()


async def _files(form: FormData, name: str) -> list[bytes]:
    """The files of a field. Raises HTTPException if a value is none."""
    found = []
    for value in form.getlist(name):
        if not isinstance(value, UploadFile):
            raise wrong(f"{name}: must be a file: curl --form {name}=@photo.jpg")
        found.append(await value.read())
    return found


def _value(name: str, given: list[UploadFile | str]) -> object:
    """The value of a field of a form: a list of texts for `names`, else one text."""
    if any(isinstance(value, UploadFile) for value in given):
        raise wrong(f"{shown(name)}: must be a text, not a file")
    if name == "names":
        return given
    if len(given) > 1:
        raise wrong(f"{shown(name)}: {len(given)} values; send one")
    return given[0]


async def _form(request: Request, limits: Limits) -> FormData:
    parser = MultiPartParser(
        request.headers,
        _limited(request, limits),
        max_files=limits.example_pictures + 4,  # one too many is counted, as with names
        max_fields=limits.names + 16,  # a name too many is counted, and has a better message
        max_part_size=_largest_part(limits),
    )
    try:
        return await parser.parse()
    except (HTTPException, TimeoutError, ClientDisconnect):
        raise
    except Exception as error:  # the parser raises several kinds on damaged bodies
        message = getattr(error, "message", first_line(error))
        raise HTTPException(MALFORMED, f"the form cannot be read: {message}") from error


def _largest_part(limits: Limits) -> int:
    """Bytes that a text of a form may have: a text or a name in UTF-8, or boxes with names."""
    words = limits.text_characters + limits.name_characters * (1 + limits.names)
    return 4 * words + BOX_BYTES * limits.example_boxes


async def _limited(request: Request, limits: Limits) -> AsyncGenerator[bytes, None]:
    """The body in pieces. Raises HTTPException if it is too large."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limits.bytes:
            yield chunk
        elif size > DISCARDED * limits.bytes:
            break
    if size > limits.bytes:
        raise too_large("the body", f"{size} bytes or more", f"{limits.bytes} bytes")
