"""Measures what `docs/tuned_models.md` promises of tuned models, with three seeds."""
