"""Our outputs against recorded ones of the official program; data/README.md says what is what."""
