"""Names what a file is that was taken for a picture, or for another kind of data."""

from PIL import features

READS_AVIF = "avif" in features.get_supported_modules()
"""Whether this Pillow decodes AVIF, as its releases do from 11.3 on."""

HEIF_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"hevc": "HEIC",
    b"mif1": "HEIC",
    b"msf1": "HEIC",
}
"""Formats by the brand at byte 8 of a file whose bytes 4 to 8 are "ftyp"."""

STARTS = {
    b"<!doctype html": "a web page (HTML)",
    b"<html": "a web page (HTML)",
    b"<head": "a web page (HTML)",
    b"<!--": "a web page (HTML)",
    b"<svg": "a vector graphic (SVG)",
    b"<?xml": "an XML file",
    b"<error": "an XML file",
    b'{"': "a JSON file",
    b"%pdf": "a PDF document",
    b"pk\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"version https://git-lfs": "a Git LFS pointer",
    b"8bps": "a Photoshop document",
    b"%!ps": "a PostScript file",
    b"\0\0\0\x0cjxl ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cjp  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
"""First bytes of files in lower case, and what they are."""

REMEDIES = {
    "a web page (HTML)": "download the file itself again",
    "a Git LFS pointer": "fetch the file itself with `git lfs pull`",
    "an XML file": "download the file itself again",
    "a JSON file": "download the file itself again",
    "a ZIP archive": "unpack it",
    "a gzip archive": "unpack it",
}
"""What to do about such a file, where converting it is not the answer."""


def foreign_kind(content: bytes) -> str | None:
    """What a file is that is no picture of a format that is read, with the remedy.

    None if that is unknown.
    """
    if not content:
        return "empty (0 bytes): copy or download it again"
    if content[4:8] == b"ftyp":
        kind = HEIF_BRANDS.get(content[8:12], "a video or a picture in a video format")
        if kind == "AVIF" and READS_AVIF:
            return None
    else:
        start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        kinds = (kind for magic, kind in STARTS.items() if start.startswith(magic))
        kind = next(kinds, "")
    return f"{kind}: {REMEDIES.get(kind, 'convert it to JPEG or PNG')}" if kind else None
