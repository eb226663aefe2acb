from typing import Any

from glip_pl.serving.description import REQUEST_BODY, page
from glip_pl.serving.fields import Defaults
from glip_pl.serving.limits import Limits


def test_the_page_names_fields_and_limits_and_escapes_them() -> None:
    models: Any = {name: {"properties": {"<b>": {"type": "x"}}} for name in ("Found", "FoundBox")}
    limits = Limits(1, 2, 3, 4, 5, 6, 7, 9, 10, 8.5)
    html = page({"components": {"schemas": models}}, limits, Defaults(0.25, 99))
    for word in ("max_boxes", "threshold", "0.25", "99", "8.5", "&lt;b&gt;"):
        assert word in html
    assert "<b>" not in html


def test_the_picture_is_a_file_in_forms_and_base64_in_json() -> None:
    content = REQUEST_BODY["content"]
    in_form = content["multipart/form-data"]["schema"]["properties"]["image"]
    in_json = content["application/json"]["schema"]["properties"]["image"]
    assert in_form["format"] == "binary"
    assert in_json["contentEncoding"] == "base64"
