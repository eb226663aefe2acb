"""Downloads by the real client, from a local server that speaks the protocol of the hub."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.pretrained import hub

CONTENT = b"weights " * 100_000
COMMIT = "c" * 40


class Handler(BaseHTTPRequestHandler):
    """Serves a file of owner/repository, and another whose content does not have its hash."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        name = self.path.rpartition("/")[2]
        if name not in ("whole.pth", "damaged.pth") or "/owner/repository/" not in self.path:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        promised = CONTENT if name == "whole.pth" else CONTENT[::-1]
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(promised).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if body:
            self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def ask(addresses: list[str], cache: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Download the addresses in a new process, with the hub that the environment names."""
    script = (
        "import sys\n"
        "from glip_pl.pretrained.hub import download\n"
        "from glip_pl.errors import UserError\n"
        "for address in sys.argv[1:]:\n"
        "    try:\n"
        "        print('got', download(address))\n"
        "    except UserError as error:\n"
        "        print('error', error)\n"
    )
    clean = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    return subprocess.run(
        [sys.executable, "-c", script, *addresses],
        check=True,
        capture_output=True,
        text=True,
        env={**clean, "HF_HUB_CACHE": str(cache), **environment},
    )


def test_a_file_is_downloaded_once_and_verified(server: str, tmp_path: Path) -> None:
    addresses = [
        f"hf://owner/repository/{name}" for name in ("whole.pth", "damaged.pth", "none.pth")
    ]
    done = ask(addresses, tmp_path, HF_ENDPOINT=server)
    got, damaged, absent = done.stdout.splitlines()
    assert Path(got.removeprefix("got ")).read_bytes() == CONTENT
    assert "arrived damaged" in damaged
    assert not list(tmp_path.rglob("damaged.pth"))
    assert "the hub refuses hf://owner/repository/none.pth" in absent
    offline = ask(addresses[:2], tmp_path, HF_ENDPOINT=server, HF_HUB_OFFLINE="1")
    again, gone = offline.stdout.splitlines()
    assert again == got
    assert "is not in the cache of this machine, and the hub is not reachable" in gone


def test_a_hub_whose_name_cannot_be_resolved_is_not_waited_for(tmp_path: Path) -> None:
    done = ask(["hf://owner/repository/x.pth"], tmp_path, HF_ENDPOINT="http://hub.invalid")
    assert "the hub is not reachable" in done.stdout
    assert "Retrying" not in done.stderr


@pytest.mark.parametrize(
    ("address", "groups"),
    [
        ("hf://owner/repository/file.pth", ("owner/repository", None, "file.pth")),
        ("hf://o/r@v1.0/a/b.pth", ("o/r", "v1.0", "a/b.pth")),
    ],
)
def test_addresses(address: str, groups: tuple[str, str | None, str]) -> None:
    match = hub.ADDRESS.fullmatch(address)
    assert match is not None
    assert (match["repo"], match["revision"], match["file"]) == groups


@pytest.mark.parametrize("address", ["hf://", "hf://owner/file.pth", "hf://owner//x"])
def test_malformed_addresses_are_refused(address: str) -> None:
    with pytest.raises(UserError, match="write hf://owner/repository/file"):
        hub.download(address)
