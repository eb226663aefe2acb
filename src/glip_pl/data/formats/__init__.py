"""One small reader for each form in which people have their data on disk."""
