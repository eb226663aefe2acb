"""The fields of a request: their types, and the messages about wrong ones."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from glip_pl.errors import first_line, shown
from glip_pl.serving.examples import BOXES, ByExample, by_example
from glip_pl.serving.limits import Limits
from glip_pl.serving.refusals import MALFORMED, WRONG, too_large, wrong

Question = str | tuple[str, ...] | Path | ByExample
"""A text, names, the file of the server's own prompt, or examples."""

ONE_OF = "set either `names` or `text`, or `like` and `boxes`, examples of what to find"
"""The message where a request does not say what to find, or says it twice."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Query:
    """A checked request as it is passed to a worker: what to find in which encoded picture."""

    picture: bytes
    what: Question
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

    boxes: Any = Field(
        None,
        description=f"Boxes around examples in `like`, in its pixels: {BOXES}.",
        json_schema_extra={"anyOf": [{"type": "array"}, {"type": "object"}]},
    )

    def query(
        self,
        picture: bytes,
        defaults: "Defaults",
        limits: Limits,
        like: bytes | list[bytes] | None = None,
    ) -> Query:
        """The request for a worker; `like` are example pictures.

        Raises HTTPException if a field exceeds a limit.
        """
        threshold = defaults.threshold if self.threshold is None else self.threshold
        max_boxes = defaults.max_boxes if self.max_boxes is None else self.max_boxes
        if max_boxes > limits.boxes:
            raise too_large("max_boxes", shown(max_boxes), limits.boxes)
        if like is not None or self.boxes is not None:
            return Query(picture, self._examples(like, defaults, limits), threshold, max_boxes)
        words = self._words(limits)
        what = defaults.without_words() if words is None else words
        return Query(picture, what, threshold, max_boxes)

    def _examples(
        self, like: bytes | list[bytes] | None, defaults: "Defaults", limits: Limits
    ) -> ByExample:
        """What the examples show, beside the text or the names if there are any."""
        if defaults.prompt is not None:
            message = "this server answers with a prompt file (its setting `prompt`)"
            raise wrong(f"like: {message}: send examples to one that was started without it")
        if like is None or self.boxes is None:
            raise wrong("like and boxes belong together: example pictures, and boxes in them")
        return by_example(like, self.boxes, self._words(limits), limits)

    def _words(self, limits: Limits) -> str | tuple[str, ...] | None:
        """The text or the names; None if there is neither. There must not be both."""
        if self.names is not None and self.text is not None:
            raise wrong(ONE_OF)
        if self.names is not None:
            return _checked_names(self.names, limits)
        if self.text is not None and len(self.text) > limits.text_characters:
            raise too_large("text", f"{len(self.text)} characters", limits.text_characters)
        return self.text

    @classmethod
    def of_form(cls, values: dict[str, Any]) -> Self:
        """The fields of a form, whose values are texts. Raises HTTPException."""
        if "boxes" in values:
            values = {**values, "boxes": _parsed(values["boxes"])}
        return _checked(lambda: cls.model_validate(values, strict=False))


class JsonRequest(Fields):
    """A request in JSON."""

    # `of_json` refuses unknown fields: pydantic's errors about all those of 32 MB would take 3 GB.
    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": False})

    image: str = Field(
        description="The picture file (JPEG, PNG, ...) in base64; a data URL is accepted too.",
        json_schema_extra={"contentEncoding": "base64"},
    )
    like: Any = Field(
        None,
        description="A picture with examples of what to look for, such as `image`, or a list.",
        json_schema_extra={"anyOf": [{"type": "string"}, {"type": "array"}]},
    )

    @classmethod
    def of_json(cls, body: bytes) -> Self:
        """The fields of a body. Raises HTTPException."""
        fields = _checked(lambda: cls.model_validate_json(body))
        for name in fields.model_extra or ():
            raise wrong(_unknown(name))
        return fields

    def picture(self) -> bytes:
        """The bytes of the picture file. Raises HTTPException if they are not in base64."""
        return _bytes_of(self.image, "image")

    def examples(self) -> bytes | list[bytes] | None:
        """The bytes of the example picture, or of each. Raises HTTPException as `picture`."""
        if isinstance(self.like, list):
            return [_bytes_of(one, f"like[{index}]") for index, one in enumerate(self.like)]
        return None if self.like is None else _bytes_of(self.like, "like")


@dataclass(frozen=True)
class Defaults:
    """What fields are if a request leaves them out."""

    threshold: float
    max_boxes: int
    prompt: Path | None = None  # asked for where there is no text and no name

    def without_words(self) -> Path:
        """The server's own prompt. Raises HTTPException if it has none."""
        if self.prompt is None:
            raise wrong(ONE_OF)
        return self.prompt


def _checked_names(names: list[str], limits: Limits) -> tuple[str, ...]:
    """Names within the limits. Raises HTTPException."""
    if not names:
        raise wrong("names: the list is empty")
    if len(names) > limits.names:
        raise too_large("names", f"{len(names)} names", limits.names)
    for index, name in enumerate(names):
        if len(name) > limits.name_characters:
            raise too_large(f"names[{index}]", f"{len(name)} characters", limits.name_characters)
    return tuple(names)


def _bytes_of(text: Any, field: str) -> bytes:
    """A picture file in base64. Raises HTTPException if this is none."""
    if not isinstance(text, str):
        raise wrong(f"{field}: must be a text, a picture file in base64")
    if text.startswith("data:"):
        text = text[:200].partition("base64,")[2] + text[200:]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        message = "the text is not in base64; send the bytes of a picture file so"
        raise wrong(f"{field}: {message}") from error


def _parsed(text: str) -> Any:
    """The field `boxes` of a form. Raises HTTPException if it is no JSON."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        message = f"boxes: no JSON ({first_line(error)}); write [10, 20, 110, 220]"
        raise wrong(f'{message} or {{"a name": [10, 20, 110, 220]}}') from error


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
        return WRONG, _unknown(field)
    message = first["msg"].removeprefix("Input should be ")
    if first["type"] == "missing":
        return WRONG, f"{field}: this field is missing"
    return WRONG, f"{field or 'the body'}: must be {message}"


def _unknown(field: str) -> str:
    known = ", ".join(JsonRequest.model_fields)
    return f"{shown(field)}: unknown field; there are {known}"
