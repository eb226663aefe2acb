"""The records of one sample of a web shard: a picture with its text and JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from glip_pl.data.formats.label_map import add_names
from glip_pl.data.formats.odvg_lines import records_of
from glip_pl.data.formats.webdataset_reader import SampleFile
from glip_pl.data.images import MAX_BYTES, SUFFIXES, decode_image
from glip_pl.data.records import Record, box_array, captioned

MAX_TEXT = 16 << 20
"""Bytes that the JSON or the text of a sample may have."""


def records_of_sample(
    files: Mapping[str, SampleFile],
    shard: int,
    image_id: int,
    names: Sequence[str],
    collected: dict[int, str] | None,
) -> list[Record]:
    """The records of a sample. Raises one of `web_shards.MALFORMED` if it is damaged."""
    picture = next((file for suffix, file in files.items() if suffix in SUFFIXES), None)
    if picture is None:
        raise ValueError(f"it has no picture, only {', '.join(files)}")
    if picture.size > MAX_BYTES:
        raise ValueError(f"its picture has {picture.size} bytes: too large")
    texts = [files[suffix] for suffix in (".json", ".txt") if suffix in files]
    if any(text.size > MAX_TEXT for text in texts):
        raise ValueError("its text is too long")
    content: Any = json.loads(files[".json"].read()) if ".json" in files else {}
    if content.get("height") and content.get("width"):
        size = int(content["height"]), int(content["width"])
    else:
        image = decode_image(picture.read(), "picture")
        size = image.height, image.width
    name = f"{shard}:{picture.offset}:{picture.size}"
    if "grounding" in content or "detection" in content:
        if collected is not None:
            _collect_names(content, collected)
        line = {**content, "filename": name, "height": size[0], "width": size[1]}
        return records_of(line, image_id, None if collected is not None else len(names), shard)
    text = files[".txt"].read().decode() if ".txt" in files else content["caption"] or ""
    return [captioned(name, size, image_id, box_array([]), str(text).strip(), [], block=shard)]


def _collect_names(content: Mapping[str, Any], collected: dict[int, str]) -> None:
    """Add the names of a sample's boxes. Raises ValueError if a label has none so far."""
    instances = (content.get("detection") or {}).get("instances", ())
    add_names(collected, instances)
    unnamed = {int(instance["label"]) for instance in instances} - collected.keys()
    if unnamed:
        raise ValueError(
            f"nothing names its labels {sorted(unnamed)}: neither `category` of its boxes nor the "
            "setting label_map nor a label_map.json beside the shards"
        )
