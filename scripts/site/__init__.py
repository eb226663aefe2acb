"""The website of the documentation: `python -m scripts.site` (or `make docs`)."""
