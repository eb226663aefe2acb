"""Weights that others trained: where they lie, and how they are fetched."""
