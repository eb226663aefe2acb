"""Refusals of requests: their status codes, and the errors that name a culprit."""

from fastapi import HTTPException

MALFORMED, TOO_LARGE, WRONG = 400, 413, 422
"""Status codes: the body cannot be parsed; it exceeds a limit; a field has a wrong value."""


def too_large(culprit: str, size: str, limit: int | str) -> HTTPException:
    """The error about a field that exceeds a limit of the server."""
    return HTTPException(TOO_LARGE, f"{culprit}: {size}; this server takes at most {limit}")


def wrong(message: str) -> HTTPException:
    """The error about a field with a wrong value."""
    return HTTPException(WRONG, message)
