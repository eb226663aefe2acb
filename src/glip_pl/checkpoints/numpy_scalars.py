"""Numbers of numpy in the entries of a checkpoint, which `torch.load` refuses by default."""

from typing import Any

import numpy as np

_SCALAR: Any = np.float64(0).__reduce__()[0]  # numpy exports this function under no public name

NUMPY_SCALARS: list[Any] = [
    (_SCALAR, "numpy.core.multiarray.scalar"),  # as numpy 1 names it
    (_SCALAR, "numpy._core.multiarray.scalar"),  # as numpy 2 names it
    np.dtype,
    *(type(np.dtype(kind)) for kind in "?bBhHiIlLqQefd"),
]
"""For `torch.serialization.safe_globals`: truth values and real numbers of numpy, nothing else.

Files that the official fine-tuning on ODinW writes hold the AP as such a number. Arrays, objects,
texts and structures of numpy stay refused.
"""
