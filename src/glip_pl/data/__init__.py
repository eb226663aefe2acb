"""From annotation files to batches: readers, indexes, datasets, transforms, samplers."""
