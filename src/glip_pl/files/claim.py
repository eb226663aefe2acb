"""Folders that belong to one job: another job must not add to what they hold."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from glip_pl.errors import UserError
from glip_pl.files.writing import write_json


def claim(mark: Path, job: Mapping[str, Any], remedy: str, in_use: bool = True) -> dict[str, Any]:
    """Claim the folder of `mark`, a JSON file, for a job; returns what the mark says of it.

    The first claim writes `job`. A later one must agree with it, or raises UserError naming what
    differs and the `remedy`; if the folder is not `in_use`, it replaces the older mark instead.
    Of several processes only one claims at a time.
    """
    mark.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(mark.with_name(f".{mark.name}.lock")):
        known = read_claim(mark) if in_use else None
        if known is None:
            write_json(mark, dict(job))
            return dict(job)
        different = [key for key in job if known.get(key) != job[key]]
        if different:
            raise UserError(
                f"{mark.parent} belongs to another job, which differs in: {', '.join(different)}. "
                f"{remedy}"
            )
        return known


def read_claim(mark: Path) -> dict[str, Any] | None:
    """What a mark says; None if there is none, or none that can be read."""
    try:
        known = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known if isinstance(known, dict) else None
