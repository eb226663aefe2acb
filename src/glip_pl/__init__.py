"""GLIP: Grounded Language-Image Pre-training on PyTorch Lightning.

`glip_pl.load(checkpoint)` gives a `Predictor`, which detects what a text names in pictures.
"""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glip_pl.inference.predictor import Predictor
    from glip_pl.inference.result import Result
    from glip_pl.inference.results import Results

    load = Predictor.load

__version__ = "0.2.0"

__all__ = ["Predictor", "Result", "Results", "__version__", "load"]


def _started_as_command() -> bool:
    """Whether this process is `python -m glip_pl.<command>`."""
    words = sys.orig_argv
    return "-m" in words[:-1] and words[words.index("-m") + 1].startswith("glip_pl.")


if _started_as_command():  # before the command imports PyTorch; a program that imports us decides
    from glip_pl.processors import settle_threads

    settle_threads()


def __getattr__(name: str) -> Any:
    """The public classes, imported when they are first used: PyTorch takes seconds to import."""
    if name in ("Predictor", "load"):
        from glip_pl.inference.predictor import Predictor

        return Predictor if name == "Predictor" else Predictor.load
    if name == "Result":
        from glip_pl.inference.result import Result

        return Result
    if name == "Results":
        from glip_pl.inference.results import Results

        return Results
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
