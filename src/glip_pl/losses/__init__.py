"""Assignment and the grounding loss."""
