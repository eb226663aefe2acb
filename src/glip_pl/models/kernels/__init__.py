"""Triton kernels of the parts of the model that take most of a GPU's time and memory traffic."""
