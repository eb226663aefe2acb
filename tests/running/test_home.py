"""`~` is the home folder in every path of the settings."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from glip_pl.running.home import expand_home, expanded, expanded_list
from glip_pl.running.settings import compose_settings


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")


def test_paths_and_lists_of_them() -> None:
    assert [expanded(path) for path in ("~", "~/a", "a/~", "~no-such-user/a")] == [
        *("/home/ann", "/home/ann/a", "a/~", "~no-such-user/a")
    ]
    assert expanded_list("~/a") == "/home/ann/a"
    assert expanded_list("[~/a, '~/b c',c~]") == "[/home/ann/a, '/home/ann/b c',c~]"
    assert expanded_list("~/a,~/b") == "/home/ann/a,/home/ann/b"


def test_settings_of_a_file() -> None:
    config = OmegaConf.create(
        {
            "text": "~/x",
            "root": "~/r",
            "deep": {"images": ["~/a", "b"]},
            "link": "${root}/c",
            "n": 1,
        }
    )
    expand_home(config)
    assert OmegaConf.to_container(config, resolve=True) == {
        "text": "~/x",
        "root": "/home/ann/r",
        "deep": {"images": ["/home/ann/a", "b"]},
        "link": "/home/ann/r/c",
        "n": 1,
    }


def test_a_name_of_no_user_is_a_file_of_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    config = OmegaConf.create({"image": "~draft.png", "text": "~a", "names": ["~a"]})
    expand_home(config)
    assert config == {"image": str(tmp_path / "~draft.png"), "text": "~a", "names": ["~a"]}


def test_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "INDEX", "RUNS", "SHARDS"):
        monkeypatch.setenv(f"GLIP_{name}", f"~/{name.lower()}")
    paths = compose_settings(["paths.output=x"]).paths
    assert [paths.data, paths.index, paths.runs, paths.shards] == [
        f"/home/ann/{name}" for name in ("data", "index", "runs", "shards")
    ]
    monkeypatch.delenv("GLIP_INDEX")
    assert compose_settings(["paths.output=x"]).paths.index == "/home/ann/.cache/glip_pl/index"
