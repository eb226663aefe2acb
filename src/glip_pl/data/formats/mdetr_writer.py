"""Writing of MDETR's JSON from the grounding lines of an ODVG file."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


def write_mdetr(path: Path, lines: Callable[[], Iterator[Mapping[str, Any]]]) -> None:
    """Write grounding lines of ODVG's form as one MDETR file.

    `lines` is called twice, for images and for annotations, so that the lines need not be held in
    memory.
    """
    with path.open("w", encoding="utf-8") as file:
        file.write('{"info": [], "licenses": [], "categories": [], "images": [')
        file.writelines(_joined(_image(number, line) for number, line in enumerate(lines())))
        file.write('], "annotations": [')
        annotations = (
            annotation for number, line in enumerate(lines()) for annotation in _boxes(number, line)
        )
        file.writelines(
            _joined({"id": number, **annotation} for number, annotation in enumerate(annotations))
        )
        file.write("]}")


def _joined(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The JSON texts of the entries of a list, separated by commas."""
    for number, entry in enumerate(entries):
        yield (",\n" if number else "\n") + json.dumps(entry)


def _image(number: int, line: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of `images` for a line."""
    caption = line["grounding"]["caption"]
    return {
        "id": number,
        "file_name": line["filename"],
        "height": line["height"],
        "width": line["width"],
        "caption": caption,
        "tokens_negative": [[0, len(caption)]],
        "dataset_name": "pseudo",
    }


def _boxes(number: int, line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The entries of `annotations` for a line, without their ids."""
    for region in line["grounding"]["regions"]:
        for (x1, y1, x2, y2), score in zip(region["bbox"], region["score"], strict=True):
            yield {
                "image_id": number,
                "category_id": 1,
                "bbox": [x1, y1, round(x2 - x1, 4), round(y2 - y1, 4)],
                "area": round((x2 - x1) * (y2 - y1), 4),
                "iscrowd": 0,
                "tokens_positive": region["tokens_positive"],
                "score": score,
            }
