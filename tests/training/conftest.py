"""The smallest model that trains, for tests of how a training runs and not of what it learns."""

from pathlib import Path

import pytest

from tests.reliability.tiny import overrides, write_text_folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that replace the model by one of 0.2 M parameters, which is frozen in part."""
    folder: Path = tmp_path_factory.mktemp("tiny") / "text"
    return overrides(write_text_folder(folder))
