"""Weights from the Hugging Face hub: `hf://owner/repository/path/in/it`."""

import re
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from glip_pl.errors import UserError, first_line
from glip_pl.files.hashing import sha256_of

SCHEME = "hf://"
"""Prefix of the address of a file on the hub."""

ADDRESS = re.compile(r"hf://(?P<repo>[^/@]+/[^/@]+)(@(?P<revision>[^/]+))?/(?P<file>.+)")
"""Form of such an address; the revision is a branch, a tag or a commit."""


MODEL_ADDRESS = re.compile(r"hf://(?P<name>[^/@]+/[^/@]+(@[^/]+)?)")
"""Form of the address of a model's folder."""

MODEL_FILES = (
    *("model.safetensors", "config.json", "README.md", "text_encoder/config.json"),
    *("tokenizer/*.json", "tokenizer/*.txt", "tokenizer/*.model"),
)
"""Files of a model's folder that are downloaded."""


def download(address: str) -> Path:
    """The local copy of `hf://owner/repository[@revision]/file`, downloaded once and verified.

    Shows progress and continues interrupted downloads. A file in the cache is used without network
    if a revision is given or the hub is unreachable. Raises UserError if the file cannot be
    downloaded or has a wrong checksum.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise UserError(f"{address} is no address on the hub: write hf://owner/repository/file")
    repo, file, revision = match["repo"], match["file"], match["revision"]
    with told(address):
        path = Path(
            hf_hub_download(repo, file, revision=revision, local_files_only=is_unreachable())
        )
    _verify(path, address)
    return path


def download_model(name: str, revision: str | None = None, **options: Any) -> Path:
    """The local copy of a model's folder, `owner/repository[@revision]`, verified as a file is.

    Only tensors and the text files of a tokenizer are downloaded; `options` are those of
    huggingface_hub's snapshot_download. Raises UserError if it cannot be downloaded.
    """
    repo, _, tag = name.partition("@")
    if options.get("local_files_only") is not True:
        options["local_files_only"] = is_unreachable()
    with told(f"{SCHEME}{name}"):
        files = list(MODEL_FILES)
        folder = snapshot_download(
            repo, revision=revision or tag or None, allow_patterns=files, **options
        )
    for file in Path(folder).rglob("*"):
        if file.is_file():
            _verify(file, f"{SCHEME}{name}/{file.relative_to(folder)}")
    return Path(folder)


@contextmanager
def told(address: str, done: str = "downloaded") -> Iterator[None]:
    """Turn what the hub's client raises about an address, which is `done`, into a UserError."""
    try:
        yield
    except UserError:
        raise
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"{address} is not in the cache of this machine, and the hub is not reachable. "
            "Download the file elsewhere and give its path instead"
        ) from error
    except HFValidationError as error:
        raise UserError(f"{address} is no address on the hub: {error}") from error
    except HfHubHTTPError as error:
        raise UserError(f"the hub refuses {address}: {str(error).splitlines()[0]}") from error
    except Exception as error:  # network, disk, or the HTTP client that the library uses
        raise UserError(
            f"{address} could not be {done}: {first_line(error)}. The same command tries again, "
            "and continues what was interrupted"
        ) from error


def _verify(path: Path, address: str) -> None:
    """Compare a file, once, with the SHA-256 from the hub, which is its name in the cache.

    Small files outside large-file storage are named by a git hash instead and are not verified.
    Raises UserError and removes the file if it is damaged.
    """
    blob = path.resolve()
    verified = blob.with_name(f"{blob.name}.verified")
    if re.fullmatch(r"[0-9a-f]{64}", blob.name) is None or verified.exists():
        return
    digest = sha256_of(blob)
    if digest != blob.name:
        blob.unlink(missing_ok=True)  # another process may have removed it already
        path.unlink(missing_ok=True)
        raise UserError(
            f"{address} arrived damaged: its SHA-256 is {digest}, the hub says {blob.name}. The "
            "file was removed; try again"
        )
    verified.touch()


def local_files_only(name: str) -> bool:
    """Whether transformers must look for a model on this machine only; `name` may be a path."""
    return Path(name).exists() or is_unreachable()


@cache
def is_unreachable() -> bool:
    """Whether the hub is switched off or its host name cannot be resolved.

    Without this check, the hub's client would try for half a minute per file, with a warning at
    each attempt. Behind a proxy only the proxy resolves names, so the client must try.
    """
    host = urlsplit(constants.ENDPOINT).hostname
    proxies = set(urllib.request.getproxies()) - {"no"}
    if constants.HF_HUB_OFFLINE or proxies:
        return bool(constants.HF_HUB_OFFLINE)
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return True
    return False
