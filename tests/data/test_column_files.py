import zlib
from pathlib import Path

import numpy as np

from glip_pl.data.column_files import ColumnFiles
from glip_pl.data.index import COLUMNS


def test_rows_are_appended_in_the_type_of_their_column(tmp_path: Path) -> None:
    with ColumnFiles(tmp_path) as columns:
        columns.append("boxes", [[0, 1, 2, 3]])
        columns.append("boxes", np.asarray([[4, 5, 6, 7.5]]))
    boxes = np.fromfile(tmp_path / "boxes.bin", dtype=np.float32).reshape(-1, 4)
    assert boxes.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7.5]]
    assert columns.rows["boxes"] == 2
    assert {path.stem for path in tmp_path.iterdir()} == set(COLUMNS)


def test_offsets_start_at_zero_and_go_on_from_the_last_end(tmp_path: Path) -> None:
    with ColumnFiles(tmp_path) as columns:
        columns.append_lengths("box_offsets", [2, 0])
        columns.append_lengths("box_offsets", [])
        columns.append_lengths("box_offsets", [3])
    assert np.fromfile(tmp_path / "box_offsets.bin", dtype=np.int64).tolist() == [0, 2, 2, 5]


def test_texts_are_stored_as_utf8(tmp_path: Path) -> None:
    with ColumnFiles(tmp_path) as columns:
        columns.append_texts("caption", ["für", "", "\ud800"])  # the last has no UTF-8
    assert (tmp_path / "caption_bytes.bin").read_bytes() == "für?".encode()
    offsets = np.fromfile(tmp_path / "caption_offsets.bin", dtype=np.int64)
    assert offsets.tolist() == [0, 4, 4, 5]


def test_checksums_are_those_of_the_files(tmp_path: Path) -> None:
    with ColumnFiles(tmp_path) as columns:
        columns.append_texts("caption", ["a", "cat"])
        columns.append_texts("caption", ["a dog"])
    for name in COLUMNS:
        assert columns.checksums[name] == zlib.crc32((tmp_path / f"{name}.bin").read_bytes())
