"""The smallest model that trains, for tests of how a training runs and not of what it learns."""

from pathlib import Path

import pytest

from tests.reliability.tiny import config_of, overrides, write_own, write_text_folder


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tokenizer and the text encoder's settings of the smallest model."""
    return write_text_folder(tmp_path_factory.mktemp("tiny") / "text")


@pytest.fixture(scope="session")
def tiny(tiny_text: Path) -> list[str]:
    """Overrides that replace the model by one of 0.2 M parameters."""
    return overrides(tiny_text)


@pytest.fixture(scope="session")
def tiny_finding(tiny_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the smallest model, which finds boxes, if not the right ones."""
    path = tmp_path_factory.mktemp("tiny_finding") / "finding.ckpt"
    return write_own(path, config_of(tiny_text))
