from pathlib import Path

import pytest

from glip_pl.files.hashing import SHORT, key_of, sha256_of


def test_the_hash_of_a_file_is_its_sha_256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_of(tmp_path / "file") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_the_order_of_settings_does_not_change_their_key() -> None:
    key = key_of({"a": 1, "b": {"x": [1, 2], "y": None}})
    assert key == key_of({"b": {"y": None, "x": [1, 2]}, "a": 1})
    assert len(key) == SHORT
    assert int(key, 16) >= 0


@pytest.mark.parametrize(
    "other", [{"a": 2}, {"a": "1"}, {"a": 1.0}, {"b": 1}, {"a": 1, "b": None}, {}]
)
def test_other_settings_have_another_key(other: dict[str, object]) -> None:
    assert key_of({"a": 1}) != key_of(other)


def test_the_order_of_a_list_changes_the_key() -> None:
    assert key_of({"a": [1, 2]}) != key_of({"a": [2, 1]})


def test_keys_of_settings_may_be_numbers_beside_texts() -> None:
    assert key_of({"names": {1: "one", "two": 2}}) == key_of({"names": {"two": 2, "1": "one"}})
