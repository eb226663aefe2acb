"""Writes models as files for other programs, after a comparison with PyTorch."""
