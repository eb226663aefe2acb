"""The file of the lowest versions and the minimum versions of pyproject.toml are the same."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

TOP = Path(__file__).parents[1]


def requirements(
    project: dict[str, dict[str, list[str]]], lines: list[str]
) -> Iterator[Requirement]:
    """What these lines ask for, with the extras of this project that they name."""
    for line in lines:
        asked = Requirement(line)
        if asked.name != "glip_pl":
            yield asked
            continue
        for extra in asked.extras:
            yield from requirements(project, project["optional-dependencies"][extra])


def test_lowest_versions_are_those_of_the_project() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    pins = re.findall(
        r"^([\w.-]+)==(\S+)", (TOP / "constraints-lowest.txt").read_text(), re.MULTILINE
    )
    pinned = {canonicalize_name(name): Version(version) for name, version in pins}
    lines = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    minimum = {
        canonicalize_name(one.name): [Version(part.version) for part in one.specifier]
        for one in requirements(project, lines)
    }
    assert {name: [pinned.get(name)] for name in minimum} == minimum


def test_every_extra_says_which_version_is_the_lowest() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    lines = [line for extra in project["optional-dependencies"].values() for line in extra]
    for one in requirements(project, [*project["dependencies"], *lines]):
        assert [part.operator for part in one.specifier] == [">="], one
