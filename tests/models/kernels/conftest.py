"""Kernels need Triton, which PyTorch for a CPU only comes without."""

from importlib.util import find_spec

collect_ignore_glob = ["test_*.py"] if find_spec("triton") is None else []
