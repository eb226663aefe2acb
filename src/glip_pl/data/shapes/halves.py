"""Incomplete labels: two sources of pictures, each labelled with its own half of the categories."""

from collections.abc import Mapping
from typing import Any


def half_of(content: Mapping[str, Any], number: int) -> dict[str, Any]:
    """COCO-style annotations of the first (0) or second (1) half of the pictures of others.

    They have all categories, but boxes of the first or second half of these only: each picture
    lists the categories that were looked for in it.
    """
    images, categories = content["images"], content["categories"]
    mine = categories[: len(categories) // 2] if number == 0 else categories[len(categories) // 2 :]
    searched = [category["id"] for category in mine]
    middle = len(images) // 2
    chosen = images[:middle] if number == 0 else images[middle:]
    shown = {image["id"] for image in chosen}
    return {
        "images": [{**image, "looked_for_category_ids": searched} for image in chosen],
        "annotations": [
            box
            for box in content["annotations"]
            if box["image_id"] in shown and box["category_id"] in searched
        ],
        "categories": categories,
    }
