from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glip_pl.checkpoints.reading import load_entries
from glip_pl.errors import UserError


class Reduced:
    """An object that a file builds by calling a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize("kind", ["?", "b", "B", "h", "i", "q", "Q", "e", "f", "d"])
def test_numbers_of_numpy_are_read(kind: str, tmp_path: Path) -> None:
    number = np.dtype(kind).type(1)
    torch.save({"eval_result": number, "all": [{"AP": number}]}, tmp_path / "x.pth")
    entries = load_entries(tmp_path / "x.pth")
    assert entries["eval_result"] == number
    assert entries["eval_result"].dtype == np.dtype(kind)
    assert entries["all"] == [{"AP": number}]


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_numbers_of_both_versions_of_numpy_are_read(module: str, tmp_path: Path) -> None:
    # The format before zip archives holds the pickle as it is, so that the name can be replaced.
    path = tmp_path / "x.pth"
    torch.save({"AP": np.float64(0.5)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    name = f"c{np.float64(0).__reduce__()[0].__module__}\n".encode()
    assert content.count(name) == 1
    path.write_bytes(content.replace(name, f"c{module}\n".encode()))
    assert load_entries(path) == {"AP": 0.5}


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        (np.ones(2), "numpy._core.multiarray._reconstruct"),
        (np.array([None])[0:1], "numpy._core.multiarray._reconstruct"),
        (np.random.default_rng(0), "numpy"),
        (Reduced(np.load, "x.npy"), "numpy.load"),
        (Reduced(np.dtype("O").type, 1), "object"),
        (Reduced(print, "code from a file ran"), "print"),
    ],
)
def test_anything_else_is_refused_without_bad_advice(
    entry: Any, refused: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"entry": entry}, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"x\.pth is no readable checkpoint") as raised:
        load_entries(tmp_path / "x.pth")
    message = str(raised.value)
    assert refused in message
    assert "weights_only" not in message
    assert "safe_globals" not in message
    assert len(message) < len(str(tmp_path)) + 200
    assert "code from a file ran" not in capsys.readouterr().out


def test_a_type_of_objects_cannot_be_given_other_flags(tmp_path: Path) -> None:
    """Numbers whose type claims to be of objects would read memory as pointers."""
    path = tmp_path / "x.pth"
    torch.save({"kind": np.dtype("O")}, path, _use_new_zipfile_serialization=False)
    assert b"dtype" in path.read_bytes()
    with pytest.raises(UserError, match=r"x\.pth is no readable checkpoint"):
        load_entries(path)


@pytest.mark.parametrize("arguments", [(), (b"",), ("text",)])
def test_a_number_takes_no_more_memory_than_its_bytes(
    arguments: tuple[Any, ...], tmp_path: Path
) -> None:
    """Of a type of 2 GB without bytes, numpy would make 2 GB of zeros."""
    kind = Reduced(np.dtype, "V2000000000")
    entry = Reduced(np.float64(0).__reduce__()[0], kind, *arguments)
    torch.save({"entry": entry}, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"x\.pth is no readable checkpoint"):
        load_entries(tmp_path / "x.pth")
