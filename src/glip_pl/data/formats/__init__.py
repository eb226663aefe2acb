"""One small reader for each format in which detection, grounding and caption data are published."""
