"""The index of a file as large as Objects365 v2: `python -m scripts.bench_index [--images N]`.

Writes a synthetic file (4.2 GB for the default), then reports the time and memory to index it, to
open the index, and what four loader workers hold beside one.
"""

BOXES_PER_IMAGE = 25 / 1.7
