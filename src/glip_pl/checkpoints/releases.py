"""The files that GLIP's authors released, recognised by their hashes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """A released file."""

    title: str  # as in the model zoo of the official code
    file: str  # its name
    sha256: str  # of its content, in hexadecimal digits


RELEASES = (
    Release(
        "GLIP-T (A)",
        "glip_a_tiny_o365.pth",
        "e81b13b86be3457f3c6e9ff659cd5f281d2120e980b62be83b23afa0f2f671f6",
    ),
    Release(
        "GLIP-T (B)",
        "glip_tiny_model_o365.pth",
        "a9ee881a09b72722c4649f71e7bb2bad714beb33b21b4f0068888b8d0beb46b1",
    ),
    Release(
        "GLIP-T (C)",
        "glip_tiny_model_o365_goldg.pth",
        "4274770c817b966621097df306c5ae857a2bdf3dfc242afc402382d9604382d3",
    ),
    Release(
        "GLIP-T",
        "glip_tiny_model_o365_goldg_cc_sbu.pth",
        "3bec0a3dea804fcb278d7106c5438de5116ee888e49dfae46270e7ad7bc4ccbf",
    ),
    Release(
        "GLIP-L",
        "glip_large_model.pth",
        "dcb0178264b3193901a11560aa7f31b05821a5bf15225eeb0eeebbedaaa27791",
    ),
)
"""The files whose hashes are known. For A, B and C they were read from a single copy."""


def release_of(sha256: str) -> Release | None:
    """The released file with this hash; None if there is none."""
    return next((release for release in RELEASES if release.sha256 == sha256), None)
