import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from glip_pl.checkpoints.file_kinds import (
    check_archive,
    check_header,
    file_kind,
    parsed_settings,
    torch_fault,
)
from glip_pl.errors import UserError


def picture(format: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, format)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (picture("PNG"), "a picture (PNG)"),
        (picture("JPEG"), "a picture (JPEG)"),
        (picture("GIF"), "a picture (GIF)"),
        (picture("TIFF"), "a picture (TIFF)"),
        (b"\n<!DOCTYPE HTML><title>404</title>", "a web page (HTML)"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"hello\n", "a text"),
        (("é" * 300).encode(), "a text"),
        (b"a" + ("é" * 300).encode(), "a text"),
        (save({"x": torch.ones(1)}), "in the format safetensors"),
    ],
)
def test_files_that_are_no_checkpoint_are_recognised(
    content: bytes, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    assert (file_kind(path) or "").startswith(kind)


def test_a_folder_is_recognised_and_a_checkpoint_is_not_mistaken(tmp_path: Path) -> None:
    assert file_kind(tmp_path) == "a folder"
    torch.save({"x": 1}, tmp_path / "x.ckpt")
    assert file_kind(tmp_path / "x.ckpt") is None
    torch.save({"x": 1}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert file_kind(tmp_path / "old.pth") is None
    (tmp_path / "x.safetensors").write_bytes(save({"x": torch.ones(1)}))
    assert file_kind(tmp_path / "x.safetensors") is None


def test_an_archive_that_unpacks_to_more_than_its_size_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**6))
    with pytest.raises(UserError, match=r"bomb\.ckpt has .* and would unpack to 1,000,000"):
        check_archive(bomb)
    sound = tmp_path / "sound.ckpt"
    torch.save({"x": torch.zeros(1000)}, sound)
    check_archive(sound)
    torch.save({"x": torch.zeros(1000)}, sound, _use_new_zipfile_serialization=False)
    check_archive(sound)


class Growing:
    """A few bytes in a file, and a megabyte in memory."""

    def __reduce__(self) -> Any:
        return (bytearray, (10**6,))


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_pickle_that_grows_in_memory_is_refused(as_zip: bool, tmp_path: Path) -> None:
    path = tmp_path / "bomb.ckpt"
    torch.save({"x": Growing()}, path, _use_new_zipfile_serialization=as_zip)
    with pytest.raises(UserError, match=r"bomb\.ckpt refers to bytearray"):
        check_archive(path)


def test_the_header_of_safetensors_is_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(save({"x": torch.ones(1)}))
    check_header(path)
    for length in (2**40, 10**6):
        path.write_bytes(length.to_bytes(8, "little") + b"{}")
        with pytest.raises(UserError, match=r"x\.safetensors is no readable checkpoint"):
            check_header(path)
    path.write_bytes((2**25).to_bytes(8, "little"))
    with path.open("ab") as file:
        file.truncate(2**26)  # a sparse file: longer than its header
    with pytest.raises(UserError, match="no safetensors file"):
        check_header(path)


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '"' + "a" * 2**20 + '"', "3"])
def test_settings_are_a_json_object_of_bounded_size(text: str) -> None:
    with pytest.raises(ValueError, match=r"settings|line|object|nested"):
        parsed_settings(text)
    assert parsed_settings('{"a": 1}') == {"a": 1}


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("code from a file ran",))


def test_torchs_advice_to_run_the_code_of_a_file_is_not_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    torch.save({"x": Evil()}, path)
    with pytest.raises(Exception, match="weights_only") as raised:
        torch.load(path, weights_only=True)
    fault = torch_fault(raised.value)
    assert "weights_only" not in fault
    assert "print" in fault
