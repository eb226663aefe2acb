"""Annotation files that other programs read."""
