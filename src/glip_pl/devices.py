"""Chooses the device of a model: a GPU if there is one."""

import torch

from glip_pl.errors import UserError, first_line

AUTO = "auto"
"""Value of the setting `device` that takes a GPU if there is one."""


def chosen_device(name: str) -> torch.device:
    """The device of a setting: "cpu", "cuda", "cuda:1", "mps"; "auto" takes CUDA, MPS or the CPU.

    Raises UserError for a device that is not there.
    """
    if name == AUTO:
        name = _best()
    try:
        torch.zeros(1, device=name).item()
    # PyTorch raises the first for a device that is not there or not known, the second if it was
    # built without CUDA, and the third for "meta", which holds no values.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = first_line(error).partition(". ")[0]  # PyTorch goes on for a page
        raise UserError(
            f"device={name} is not available, use auto, cpu, cuda or mps: {reason}"
        ) from error
    return torch.device(name)


def _best() -> str:
    """The name of the fastest device that this machine has."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
