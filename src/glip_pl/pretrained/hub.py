"""Weights from the Hugging Face hub: `hf://owner/repository/path/in/it`."""

import hashlib
import re
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from glip_pl.errors import UserError
from glip_pl.pretrained.locations import hub_is_out_of_reach

SCHEME = "hf://"
ADDRESS = re.compile(r"hf://(?P<repo>[^/@]+/[^/@]+)(@(?P<revision>[^/]+))?/(?P<file>.+)")
CHUNK = 1 << 20


def download(address: str) -> Path:
    """The local file of `hf://owner/repository[@revision]/file`, downloaded once and verified.

    Shows progress, resumes, and needs no network the second time if a revision is given or the
    hub is out of reach. Raises UserError if it cannot be had or its checksum is wrong.
    """
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise UserError(f"{address} is no address on the hub: hf://owner/repository/file is meant")
    repo, file, revision = found["repo"], found["file"], found["revision"]
    try:
        path = Path(
            hf_hub_download(repo, file, revision=revision, local_files_only=hub_is_out_of_reach())
        )
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"{address} is not in the cache of this machine, and the hub is not reachable. "
            "Download the file elsewhere and give its path instead"
        ) from error
    except HFValidationError as error:
        raise UserError(f"{address} is no address on the hub: {error}") from error
    except HfHubHTTPError as error:
        raise UserError(f"the hub refuses {address}: {str(error).splitlines()[0]}") from error
    except Exception as error:  # of the network, the disk, and whatever client is in use
        raise UserError(
            f"{address} could not be downloaded: {error}. The same command goes on where it stopped"
        ) from error
    _verify(path, address)
    return path


def _verify(path: Path, address: str) -> None:
    """Compare a file, once, with the SHA-256 that the hub gave, by which the cache names it.

    Small files outside large-file storage carry a git hash instead, and are left to git's word.
    """
    blob = path.resolve()
    verified = blob.with_name(f"{blob.name}.verified")
    if re.fullmatch(r"[0-9a-f]{64}", blob.name) is None or verified.exists():
        return
    digest = hashlib.sha256()
    with blob.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    if digest.hexdigest() != blob.name:
        blob.unlink(missing_ok=True)  # another process may have found out too
        path.unlink(missing_ok=True)
        raise UserError(
            f"{address} arrived damaged: its SHA-256 is {digest.hexdigest()}, the hub says "
            f"{blob.name}. The file was removed; try again"
        )
    verified.touch()
