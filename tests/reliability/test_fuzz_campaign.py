"""Thousands of damaged files of every kind: none ends in a traceback, hangs, or is read wrongly."""

import os
from pathlib import Path

import pytest

from tests.reliability.subjects import subjects
from tests.reliability.trials import Campaign

INPUTS = int(os.environ.get("GLIP_FUZZ_INPUTS", "5000"))
"""Damaged files of all kinds together."""

SEED = int(os.environ.get("GLIP_FUZZ_SEED", "0"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_damaged_files_are_told(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run with `-s` to see the table, which docs/reliability.md shows."""
    campaign = Campaign(SEED)
    every = list(subjects(tmp_path, world))
    only = os.environ.get("GLIP_FUZZ_KIND", "")
    for number, subject in enumerate(every):
        if only in subject.kind:
            first, end = (INPUTS * position // len(every) for position in (number, number + 1))
            campaign.run(subject, end - first)
    with capsys.disabled():
        print(f"\n{campaign.table()}")
        print("\n".join(campaign.failures[:100]))
    assert not campaign.failures
