"""Which runs of trackers belong to a folder, so that a resumed training continues them."""

import re
from pathlib import Path

from pytorch_lightning.utilities import rank_zero_only

from glip_pl.files.reading import read_json
from glip_pl.files.writing import write_json
from glip_pl.training.checkpoint_io import BEFORE_LAST, LAST

FILE = "tracked_runs.json"
"""File in a run's folder with the name of its run by tracker."""

_NAME = re.compile(r"\w[\w.-]{0,127}")


def tracked_run(folder: Path, tracker: str) -> str | None:
    """The tracker's name of the run in a folder; None if the tracker has none yet."""
    return _read(folder).get(tracker)


@rank_zero_only
def keep_tracked_run(folder: Path, tracker: str, run: str) -> None:
    """Remember the tracker's name of the run in a folder."""
    write_json(folder / FILE, {**_read(folder), tracker: run})


@rank_zero_only
def start_tracked_runs(folder: Path, resumed: Path | None) -> None:
    """Let a run in `folder` continue what its trackers have of the run of checkpoint `resumed`.

    Without one, or if it is not the last one of its run, the trackers start new runs.
    """
    runs = {}
    if resumed is not None and resumed.name in (LAST, BEFORE_LAST):
        runs = _read(resumed.absolute().parents[1])
    if runs:
        write_json(folder / FILE, runs)
    else:
        (folder / FILE).unlink(missing_ok=True)


def _read(folder: Path) -> dict[str, str]:
    """The names by tracker; empty without a file, or if it is damaged."""
    try:
        content = read_json(folder / FILE)
        return {
            tracker: run
            for tracker, run in content.items()
            if isinstance(run, str) and _NAME.fullmatch(run)
        }
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
