import re

from glip_pl.checkpoints.releases import RELEASES, release_of


def test_every_release_is_recognised_by_its_hash() -> None:
    assert all(re.fullmatch(r"[0-9a-f]{64}", release.sha256) for release in RELEASES)
    assert len({release.file for release in RELEASES}) == 5
    assert [release_of(release.sha256) for release in RELEASES] == list(RELEASES)


def test_other_files_are_no_release() -> None:
    assert release_of("0" * 64) is None
