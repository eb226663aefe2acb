"""Checkpoints: read from files of any kind, checked, rebuilt into models, and written."""
