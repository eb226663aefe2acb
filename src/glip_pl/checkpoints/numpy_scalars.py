"""Numbers of numpy in the entries of a checkpoint, which `torch.load` refuses by default."""

from typing import Any

import numpy as np

_SCALAR: Any = np.float64(0).__reduce__()[0]  # numpy exports this function under no public name


def _number(kind: np.dtype[Any], content: bytes) -> Any:
    """A number from its bytes. Raises ValueError for other types.

    Without bytes, numpy would take as much memory as the type claims, which may be gigabytes.
    """
    if kind.kind not in "biuf" or len(content) != kind.itemsize:
        raise ValueError(f"{kind} is no type of numbers")
    return _SCALAR(kind, content)


NUMPY_SCALARS: list[Any] = [
    (_number, "numpy.core.multiarray.scalar"),  # as numpy 1 names it
    (_number, "numpy._core.multiarray.scalar"),  # as numpy 2 names it
    np.dtype,
    *(type(np.dtype(kind)) for kind in "?bBhHiIlLqQefd"),
]
"""For `torch.serialization.safe_globals`: truth values and real numbers of numpy, nothing else.

Files that the official fine-tuning on ODinW writes hold the AP as such a number. Arrays, objects,
texts and structures of numpy stay refused.
"""
