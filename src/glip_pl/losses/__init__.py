"""The grounding loss, and the assignment of anchors to boxes."""
