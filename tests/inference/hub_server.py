"""A local server that speaks the part of the hub's protocol that models need."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any

COMMIT = "c" * 40
LARGE = ".safetensors"
"""Files of this kind go to the large-file storage."""


class Hub(BaseHTTPRequestHandler):
    """Keeps the files of one repository, owner/name, in memory."""

    files: dict[str, bytes]
    stored: dict[str, bytes]  # of the large-file storage, by SHA-256
    asked: list[str]

    def do_HEAD(self) -> None:
        self._file(body=False)

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if "/api/models/owner/name/revision/" in self.path or self.path.endswith(
            "/api/models/owner/name"
        ):
            siblings = [{"rfilename": name} for name in sorted(self.files)]
            self._json(
                {
                    "id": "owner/name",
                    "sha": COMMIT,
                    "siblings": siblings,
                    "private": False,
                    "downloads": 0,
                    "likes": 0,
                    "tags": [],
                }
            )
        elif "/tree/" in self.path:
            entries = [self._entry(name) for name in sorted(self.files)]
            self._json(entries)
        else:
            self._file(body=True)

    def do_POST(self) -> None:
        self.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/repos/create":
            self._json({"url": f"{self._root()}/owner/name", "name": "owner/name"})
        elif self.path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            self._json({"files": [self._mode(name) for name in names]})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            self._json({"transfer": "basic", "objects": [self._place(one) for one in objects]})
        elif "/commit/" in self.path:
            self._commit(body)
            self._json(
                {
                    "commitUrl": f"{self._root()}/owner/name/commit/{COMMIT}",
                    "commitOid": COMMIT,
                    "success": True,
                }
            )
        else:
            self.send_error(404)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.stored[hashlib.sha256(content).hexdigest()] = content
        self._json({})

    def _commit(self, body: bytes) -> None:
        for line in body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.files[value["path"]] = self.stored[value["oid"]]

    def _mode(self, name: str) -> dict[str, Any]:
        mode = "lfs" if name.endswith(LARGE) else "regular"
        return {"path": name, "uploadMode": mode, "shouldIgnore": False, "oid": None}

    def _place(self, one: Mapping[str, Any]) -> dict[str, Any]:
        upload = {"href": f"{self._root()}/store/{one['oid']}", "header": {}}
        return {"oid": one["oid"], "size": one["size"], "actions": {"upload": upload}}

    def _entry(self, name: str) -> dict[str, Any]:
        return {"type": "file", "path": name, "size": len(self.files[name]), "oid": "0" * 40}

    def _file(self, body: bool) -> None:
        marker = "/owner/name/resolve/"
        name = "/".join(PurePosixPath(self.path.partition(marker)[2].partition("?")[0]).parts[1:])
        content = self.files.get(name)
        if marker not in self.path or content is None:
            self.send_response(404)
            self.send_header(
                "X-Error-Code", "EntryNotFound" if marker in self.path else "RepoNotFound"
            )
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _root(self) -> str:
        return f"http://{self.headers['Host']}"

    def _json(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def hub_server(files: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """A running hub with these files; yields its address and the paths that it was asked for."""
    asked: list[str] = []
    handler = type("OneHub", (Hub,), {"files": files, "stored": {}, "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
