"""Datasets, transforms, batches."""
