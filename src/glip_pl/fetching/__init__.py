"""Downloads public datasets from their publishers."""
