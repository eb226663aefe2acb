"""Videos: their frames, what is detected in them, and the annotated copy."""
