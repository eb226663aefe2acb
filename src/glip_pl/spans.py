"""Words of a caption by their positions. Processes that index data need no PyTorch for them."""

Span = tuple[int, int]
"""Character positions [start, end) in a caption."""

Phrase = tuple[Span, ...]
"""One or more spans of the caption that together name what a box shows."""
