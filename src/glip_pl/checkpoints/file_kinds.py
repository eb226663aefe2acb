"""Names files that are no checkpoint; refuses archives that unpack to more than their size."""

import mmap
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glip_pl.errors import UserError, first_line
from glip_pl.files.reading import parse_json

SIGNATURES = (
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"II*\x00", "a picture (TIFF)"),
    (b"%PDF", "a document (PDF)"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"version https://git-lfs", "a pointer of Git LFS instead of the file; run `git lfs pull`"),
)
"""First bytes of files that are no checkpoints, and what such files are."""

WEB_PAGE = (b"<!doctype html", b"<html")
"""First characters of web pages, in lower case."""

HEADER_LENGTH = 8
"""Bytes of a safetensors file that hold the length of its header."""

GROWING = b"\nbytearray\n"
"""How a pickle names the only type that torch.load would make of any size without content."""

MAX_HEADER = 16 * 2**20
"""Bytes of the longest header of a safetensors file that is read; GLIP-L's has about 150 KB."""

MAX_SETTINGS = 2**20
"""Characters of the longest JSON text with settings that is parsed."""


def no_checkpoint(path: Path, why: str) -> UserError:
    """The error of a file that cannot be read, with what it is instead of a checkpoint."""
    kind = file_kind(path)
    return UserError(f"{path} is no readable checkpoint: {f'it is {kind}' if kind else why}")


def file_kind(path: Path) -> str | None:
    """What a file is, where its first bytes tell; None for a file that may be a checkpoint."""
    if path.is_dir():
        return "a folder"
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:  # the caller reports it
        return None
    if not start:
        return "empty"
    for signature, kind in SIGNATURES:
        if start.startswith(signature):
            return kind
    if start.lstrip().lower().startswith(WEB_PAGE):
        return "a web page (HTML), as a refused download leaves it; download the file again"
    if start[HEADER_LENGTH : HEADER_LENGTH + 1] == b"{" and path.suffix != ".safetensors":
        return "in the format safetensors; give it a name that ends in .safetensors"
    return "a text" if _is_text(start) else None


def _is_text(start: bytes) -> bool:
    """Whether the first bytes of a file are UTF-8 without control characters."""
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # otherwise the last character is cut
            return False
        text = start[: error.start].decode()
    return all(character.isprintable() or character.isspace() for character in text)


def check_archive(path: Path) -> None:
    """Raise UserError if a file of torch.save would unpack to more than the file itself."""
    if zipfile.is_zipfile(path):
        _check_entries(path)
    elif path.stat().st_size == 0:
        raise no_checkpoint(path, "it is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(GROWING) >= 0:
            raise UserError(
                f"{path} refers to bytearray, of which a few bytes may become gigabytes. Do not "
                "trust this file"
            )


def _check_entries(path: Path) -> None:
    """Raise UserError if the entries of a zip archive are compressed or larger than the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise no_checkpoint(path, f"its list of entries is broken ({first_line(error)})") from error
    size, unpacked = path.stat().st_size, sum(entry.file_size for entry in entries)
    stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    if unpacked > size or not stored:
        raise UserError(
            f"{path} has {size:,} bytes and would unpack to {unpacked:,}; torch.save never "
            "compresses. Do not trust this file"
        )


def torch_fault(error: Exception) -> str:
    """Why torch could not load a file, without torch's advice to let the file run code."""
    if isinstance(error, pickle.UnpicklingError):
        names = re.findall(r"GLOBAL ([\w.]+)", str(error))
        if names:
            return (
                f"it holds the object {names[0]}, and loading anything but tensors, numbers and "
                "texts could run code. Do not trust this file"
            )
        return "its content is damaged, or it is no file of torch.save"
    if isinstance(error, OSError):
        return first_line(error)
    return "it is damaged or incomplete; download or copy it again"


def check_header(path: Path) -> None:
    """Raise UserError if the header of a safetensors file is longer than the file, or absurd."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(HEADER_LENGTH), "little")
    size = path.stat().st_size
    if size < HEADER_LENGTH or length > min(size - HEADER_LENGTH, MAX_HEADER):
        raise no_checkpoint(
            path, "it is incomplete, or no safetensors file; download or copy it again"
        )


def parsed_settings(text: str) -> Mapping[str, Any]:
    """The JSON object of a text. Raises ValueError if it is none, too long or nested too deeply."""
    if len(text) > MAX_SETTINGS:
        raise ValueError(f"its settings have {len(text):,} characters")
    settings = parse_json(text)
    if not isinstance(settings, dict):
        raise ValueError("its settings are no JSON object")
    return settings
