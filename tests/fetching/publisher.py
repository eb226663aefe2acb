"""A local HTTP server in the place of a dataset's publisher, and files for it to offer."""

import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from glip_pl.fetching.downloads import File


@dataclass
class Site:
    """What the server offers, how it behaves, and which ranges were requested."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    supports_ranges: bool = True
    cuts: list[int] = field(default_factory=list)  # bytes after which the first answers break off
    busy: int = 0  # answers with 503 before the first good one
    requested_ranges: list[str | None] = field(default_factory=list)


@contextmanager
def running_site() -> Iterator[Site]:
    """Serve a new site until the block ends."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested = self.headers.get("Range")
            site.requested_ranges.append(requested)
            body = site.files.get(self.path)
            if body is None or site.busy:
                site.busy = max(site.busy - 1, 0)
                self.send_error(404 if body is None else 503)
                return
            start = 0
            if requested is not None and site.supports_ranges:
                start = int(re.findall(r"\d+", requested)[0])
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            rest = body[start:]
            self.wfile.write(rest[: site.cuts.pop(0)] if site.cuts else rest)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    site.address = f"http://127.0.0.1:{server.server_port}"
    yield site
    server.shutdown()
    server.server_close()


def zipped(members: dict[str, str]) -> bytes:
    """A zip archive of text files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def tarred(*names: str, link: str | None = None) -> bytes:
    """A tar archive of files that contain "one", after a link named `link` to the folder above."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        if link is not None:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, ".."
            archive.addfile(member)
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"one"))
    return buffer.getvalue()


def offer(site: Site, name: str, data: bytes, **options: Any) -> File:
    """Put a file on the site; all but JSON files are archives to unpack."""
    site.files[f"/{name}"] = data
    return File(f"{site.address}/{name}", **{"to": "here", "unpack": "json" not in name, **options})


def checksums(data: bytes) -> dict[str, Any]:
    """The checksums and the size of a file, by the names of the fields of `File`."""
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data).hexdigest(),
        "bytes": len(data),
    }
