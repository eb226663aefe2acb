import json
from pathlib import Path

import pytest

from glip_pl.make_shapes import main, make_shapes
from glip_pl.running.settings import compose_settings
from tests.conftest import Failing

SMALL = [f"world.{name}=1" for name in ("detection", "captions", "web", "evaluation")]


def test_a_world_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "shapes"
    config = compose_settings(
        [f"root={root}", "world.side=64", "world.seed=3", *SMALL], "make_shapes"
    )
    make_shapes(config)
    assert f"{root}: made in" in capsys.readouterr().out
    assert json.loads((root / "shapes_world.json").read_text())["seed"] == 3
    assert len(list((root / "images/detection").iterdir())) == 1
    make_shapes(config)
    assert f"{root}: already exists" in capsys.readouterr().out


def test_a_folder_of_something_else_is_refused(failing: Failing, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    message = failing(main, "root=mine", "world.detection=1")
    assert "mine exists and is no ShapesWorld" in message
