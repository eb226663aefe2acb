"""The fields of a request: their types, and the messages about wrong ones."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from glip_pl.errors import shown
from glip_pl.serving.limits import Limits

MALFORMED, TOO_LARGE, WRONG = 400, 413, 422
"""Status codes: the body cannot be parsed; it exceeds a limit; a field has a wrong value."""


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Query:
    """A checked request as it is passed to a worker: what to find in which encoded picture."""

    picture: bytes
    what: str | tuple[str, ...] | Path  # a text, names, or the file of the server's own prompt
    threshold: float
    max_boxes: int


class Fields(BaseModel):
    """What both kinds of requests hold beside the picture."""

    model_config = ConfigDict(extra="forbid", strict=True)

    names: list[str] | None = Field(
        None,
        fail_fast=True,  # errors about all wrong names of 32 MB would take 10 GB
        description="Names of what to look for; either this or `text`.",
    )
    text: str | None = Field(
        None, description="A text whose phrases are separated by full stops: 'a cat. two dogs'."
    )
    threshold: float | None = Field(
        None, ge=0, le=1, allow_inf_nan=False, description="Boxes with lower scores are left out."
    )
    max_boxes: int | None = Field(
        None, ge=1, description="The number of boxes, the best; more if several score the same."
    )

    def query(self, picture: bytes, defaults: "Defaults", limits: Limits) -> Query:
        """The request for a worker. Raises HTTPException if a field exceeds a limit."""
        threshold = defaults.threshold if self.threshold is None else self.threshold
        max_boxes = defaults.max_boxes if self.max_boxes is None else self.max_boxes
        if max_boxes > limits.boxes:
            raise too_large("max_boxes", f"{shown(max_boxes)}", f"{limits.boxes}")
        return Query(picture, self._what(limits, defaults), threshold, max_boxes)

    def _what(self, limits: Limits, defaults: "Defaults") -> str | tuple[str, ...] | Path:
        """The text or the names, of which there must be exactly one, or the server's own prompt."""
        if self.names is None and self.text is None and defaults.prompt is not None:
            return defaults.prompt
        if (self.names is None) == (self.text is None):
            raise HTTPException(WRONG, "set either `names` or `text`")
        if self.text is not None:
            if len(self.text) > limits.text_characters:
                size = f"{len(self.text)} characters"
                raise too_large("text", size, f"{limits.text_characters}")
            return self.text
        names = self.names or []
        if not names:
            raise HTTPException(WRONG, "names: the list is empty")
        if len(names) > limits.names:
            raise too_large("names", f"{len(names)} names", f"{limits.names}")
        for index, name in enumerate(names):
            if len(name) > limits.name_characters:
                size = f"{len(name)} characters"
                raise too_large(f"names[{index}]", size, f"{limits.name_characters}")
        return tuple(names)

    @classmethod
    def of_form(cls, values: dict[str, Any]) -> Self:
        """The fields of a form, whose values are texts. Raises HTTPException."""
        return _checked(lambda: cls.model_validate(values, strict=False))


class JsonRequest(Fields):
    """A request in JSON."""

    image: str = Field(
        description="The picture file (JPEG, PNG, ...) in base64; a data URL is accepted too.",
        json_schema_extra={"contentEncoding": "base64"},
    )

    @classmethod
    def of_json(cls, body: bytes) -> Self:
        """The fields of a body. Raises HTTPException."""
        return _checked(lambda: cls.model_validate_json(body))

    def picture(self) -> bytes:
        """The bytes of the picture file. Raises HTTPException if they are not in base64."""
        text = self.image
        if text.startswith("data:"):
            text = text[:200].partition("base64,")[2] + text[200:]
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            message = "image: the text is not in base64; send the bytes of a picture file so"
            raise HTTPException(WRONG, message) from error


@dataclass(frozen=True)
class Defaults:
    """What fields are if a request leaves them out."""

    threshold: float
    max_boxes: int
    prompt: Path | None = None  # asked for where there is no text and no name


def too_large(culprit: str, size: str, limit: str) -> HTTPException:
    """The error about a field that exceeds a limit of the server."""
    return HTTPException(TOO_LARGE, f"{culprit}: {size}; this server takes at most {limit}")


def _checked(read: Callable[[], Model]) -> Model:
    try:
        return read()
    except ValidationError as error:
        status, message = _fault(error)
        raise HTTPException(status, message) from None


def _fault(error: ValidationError) -> tuple[int, str]:
    """Status and one line about the first fault; what the client sent is not repeated in full."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    field = shown(path.removeprefix("."))
    if first["type"] == "json_invalid":
        return MALFORMED, f"the body is no JSON: {first['msg'].removeprefix('Invalid JSON: ')}"
    if first["type"] == "extra_forbidden":
        known = ", ".join(JsonRequest.model_fields)
        return WRONG, f"{field}: unknown field; there are {known}"
    message = first["msg"].removeprefix("Input should be ")
    if first["type"] == "missing":
        return WRONG, f"{field}: this field is missing"
    return WRONG, f"{field or 'the body'}: must be {message}"
