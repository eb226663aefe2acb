"""The console script `glip-pl`, and `python -m glip_pl`."""


def main() -> None:
    """Run the command that the first word names."""
    raise SystemExit("written by helper C")
