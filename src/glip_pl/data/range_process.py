"""Indexes one range of files: the process that `ranges.write_in_ranges` starts."""

import pickle
import sys

from glip_pl.data.ranges import write_range


def main() -> None:
    """Read the arguments of `write_range` from the standard input, which its parent has written."""
    write_range(*pickle.load(sys.stdin.buffer))


if __name__ == "__main__":
    main()
