"""Hashes that tell whether two files, or two sets of settings, are the same."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHORT = 16
"""Hexadecimal digits of a key: enough to tell apart what one person ever makes."""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(settings: Mapping[str, Any]) -> str:
    """A key that is equal for equal settings, whatever order they are in."""
    # Hydra reads some keys as numbers (categories called 1, 2, ...), and these do not sort beside
    # texts: in JSON all keys are texts.
    settings = json.loads(json.dumps(settings))
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:SHORT]
