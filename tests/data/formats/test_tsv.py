import json
from pathlib import Path

import numpy as np
import pytest

from glip_pl.data.formats.tsv import TsvYaml
from glip_pl.data.problems import Problems
from glip_pl.errors import UserError
from tests.data.formats.writers import scenes, tsv_captions_v1, tsv_detection

SCENES = scenes(3)


def test_a_linelist_repeats_records(tmp_path: Path) -> None:
    tsv_detection(tmp_path, SCENES)
    source = tmp_path / "train.yaml"
    source.write_text(source.read_text() + "linelist: lines\n")
    (tmp_path / "lines").write_text("2\n0\n2\n")
    records = list(TsvYaml(source).read(Problems()).records)
    assert [record.image_id for record in records] == [102, 100, 102]  # the keys of the rows
    images = TsvYaml(source).open_images()
    assert np.array_equal(
        np.asarray(images.load(records[0].image)), np.asarray(SCENES[2].picture())
    )


def test_pictures_are_found_by_their_id_if_they_have_another_order(tmp_path: Path) -> None:
    tsv_captions_v1(tmp_path, SCENES)
    labels = tmp_path / "cc.label.tsv"
    rows = [line.split("\t") for line in labels.read_text().splitlines()]
    labels.write_text(
        "".join(
            f"no number\t{json.dumps(json.loads(label) | {'img_id': f'id{number}'})}\n"
            for number, (_, label) in reversed([*enumerate(rows)])
        )
    )
    labels.with_suffix(".lineidx").unlink()
    source = tmp_path / "cc.yaml"
    source.write_text(source.read_text() + "imageid2idx: ids.json\n")
    (tmp_path / "ids.json").write_text(json.dumps({f"id{number}": number for number in range(3)}))
    records = list(TsvYaml(source).read(Problems()).records)
    assert [record.caption for record in records] == [scene.caption for scene in SCENES[::-1]]
    assert [record.image_id for record in records] == [0, 1, 2]  # positions: keys are no numbers
    images = TsvYaml(source).open_images()
    for record, scene in zip(records, SCENES[::-1], strict=True):
        assert np.array_equal(np.asarray(images.load(record.image)), np.asarray(scene.picture()))


def test_chunks_share_their_categories(tmp_path: Path) -> None:
    for name, numbers in (("a", {"cat": 1, "dog": 2}), ("b", {"cow": 1, "cat": 2})):
        for file in ("img", "label"):
            (tmp_path / f"{name}.{file}.tsv").touch()
        (tmp_path / f"{name}.json").write_text(json.dumps(numbers))
        (tmp_path / f"{name}.label.tsv").write_text(
            '5\t{"img_h": 9, "img_w": 9, "objects": [{"class": "cat", "rect": [1, 1, 2, 2]}]}\n'
        )
        (tmp_path / f"{name}.img.tsv").write_text("5\tabc\n")
        (tmp_path / f"{name}.yaml").write_text(
            f"img: {name}.img.tsv\nlabel: {name}.label.tsv\nlabelmap: {name}.json\n"
        )
    contents = TsvYaml(str(tmp_path / "*.yaml")).read(Problems())
    assert contents.names == ["cat", "dog", "cow"]
    records = list(contents.records)
    assert [record.image for record in records] == ["0:0", "1:0"]
    assert [record.targets.tolist() for record in records] == [[0], [0]]


def test_bad_rows_are_reported_and_left_out(tmp_path: Path) -> None:
    reader = tsv_detection(tmp_path, SCENES)
    sizes = tmp_path / "train.hw.tsv"
    sizes.write_text(sizes.read_text().replace("\t", "\tx", 1))
    problems = Problems(tolerate=1.0)
    assert [record.image_id for record in reader.read(problems).records] == [101, 102]
    assert problems.counts == {"malformed row": 1}


def test_broken_pictures_and_absent_files_are_named(tmp_path: Path) -> None:
    reader = tsv_detection(tmp_path, SCENES)
    (record, *_) = reader.read(Problems()).records
    pictures = tmp_path / "images.tsv"
    pictures.write_bytes(pictures.read_bytes().replace(b"\t", b"\t?", 1))
    with pytest.raises(UserError, match=r"the image at byte 0 of .*images\.tsv"):
        reader.open_images().read(record.image)
    with pytest.raises(UserError, match=r"no such file: .*absent\.yaml"):
        _ = TsvYaml(tmp_path / "absent.yaml").files
