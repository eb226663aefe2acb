"""Describes the requests and answers of the server: as OpenAPI, and as a page for people."""

from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from typing import Any

from pydantic import BaseModel, Field

from glip_pl.serving.fields import Defaults, Fields, JsonRequest
from glip_pl.serving.limits import Limits


class FoundBox(BaseModel):
    """A box that was found."""

    name: str = Field(description="The name that was asked for, or the phrase of the text.")
    label: int = Field(
        description="Its position in the list of names, or of the text's phrases; names of example "
        "boxes come after these."
    )
    score: float = Field(description="0 to 1.")
    box: list[float] = Field(
        description="x1, y1, x2, y2 in pixels of the picture turned upright; x2 - x1 is the width."
    )


class Found(BaseModel):
    """What was found in a picture."""

    height: int
    width: int
    prompt: str = Field(description="What the model read.")
    boxes: list[FoundBox] = Field(description="The best first.")
    limited: bool = Field(description="Whether boxes were left out because of `max_boxes`.")


class Refusal(BaseModel):
    """Why there is no answer."""

    detail: str = Field(description="Names what is wrong, and the limit if there is one.")


PURPOSE = "Finds in pictures what a text, a list of names or example boxes describe."
"""What the server does."""

REFUSALS = {
    400: "The body cannot be parsed",
    408: "The body did not arrive in time",
    413: "The body, a picture, a list or a text is too large",
    415: "The body has another type",
    422: "A field is missing, unknown or has a wrong value, a picture is broken, or the "
    "model reads no examples",
    500: "The server failed",
    503: "Too many requests wait; try again",
    504: "No answer in time",
}

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Found, "description": "What was found"},
    **{code: {"model": Refusal, "description": text} for code, text in REFUSALS.items()},
}
"""The answers by their status codes, as FastAPI takes them."""


def _form_schema() -> dict[str, Any]:
    schema = Fields.model_json_schema()
    description = "The picture file: JPEG, PNG, WebP, TIFF, BMP, GIF or AVIF."
    file = {"type": "string", "format": "binary"}
    fields = {
        "image": {**file, "description": description},
        **schema["properties"],
        "like": {
            "type": "array",
            "items": file,
            "description": "Picture files with examples of what to look for, such as `image`.",
        },
    }
    return {**schema, "properties": fields, "required": ["image"]}


REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": _form_schema()},
        "application/json": {"schema": JsonRequest.model_json_schema()},
    },
}
"""The two kinds of requests, as OpenAPI has them."""

EXAMPLES = """curl --form image=@photo.jpg --form names=cat --form names=dog {url}/predict
curl --form image=@photo.jpg --form text='a cat. two dogs' --form threshold=0.4 {url}/predict
curl --form image=@photo.jpg --form like=@example.jpg --form 'boxes=[40,30,120,110]' {url}/predict
(printf '{{"text": "a cat", "image": "'; base64 -w0 photo.jpg; printf '"}}') |
  curl --json @- {url}/predict"""

STYLE = (
    "body{font-family:system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "line-height:1.5}table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;"
    "padding:.3rem .6rem;text-align:left;vertical-align:top}pre{background:#f3f3f3;padding:1rem;"
    "overflow:auto}"
)


def page(schema: Mapping[str, Any], limits: Limits, defaults: Defaults) -> str:
    """An HTML page about the server that loads nothing from elsewhere."""
    fields = _form_schema()["properties"]
    parts = schema["components"]["schemas"]
    sections = [
        ("Requests", f"<pre>{escape(EXAMPLES.format(url='http://127.0.0.1:8000'))}</pre>"),
        ("Fields", _table({name: field.get("description", "") for name, field in fields.items()})),
        ("Where a field is left out", _table(asdict(defaults))),
        ("Answer", _table(_descriptions(parts["Found"]))),
        ("Each of the boxes", _table(_descriptions(parts["FoundBox"]))),
        ("Status codes of refusals, whose JSON has a text `detail`", _table(REFUSALS)),
        ("Limits of this server", _table(asdict(limits))),
    ]
    body = "".join(f"<h2>{escape(title)}</h2>{content}" for title, content in sections)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>glip_pl</title>'
        f"<style>{STYLE}</style></head><body><h1>glip_pl</h1><p>{PURPOSE} "
        '<a href="openapi.json">openapi.json</a> describes the same for '
        f"programs.</p>{body}</body></html>"
    )


def _descriptions(model: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: field.get("description", field.get("type", ""))
        for name, field in model["properties"].items()
    }


def _table(rows: Mapping[Any, Any]) -> str:
    cells = (
        f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table>{''.join(cells)}</table>"
