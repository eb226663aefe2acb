"""Hashes by which equal files, and equal settings, are recognised."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHORT = 16
"""Hexadecimal digits of a key: 64 bits, so that no two settings share a key in practice."""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(settings: Mapping[str, Any]) -> str:
    """A short hash of settings that JSON can hold; the order of their keys does not matter."""
    # Hydra reads some keys as numbers (categories called 1, 2, ...), which cannot be sorted among
    # texts; a round trip through JSON makes all keys texts.
    settings = json.loads(json.dumps(settings))
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:SHORT]
