"""Captions are boxed shard by shard; what is whole is never done again, and nothing is lost."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glip_pl import pseudo_label
from glip_pl.data.formats.captions import CaptionTable, CocoCaptions
from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.indexing import open_index
from glip_pl.errors import UserError
from glip_pl.labelling.labeller import STORED, Labeller
from glip_pl.running.settings import compose_settings
from tests.conftest import MINILM, Failing
from tests.data.formats.writers import add


def captions(world: Path) -> list[tuple[str, str]]:
    """Picture and caption of the tiny world."""
    content = json.loads((world / "annotations/captions.json").read_text())
    return [(one["file_name"], one["caption"]) for one in content["images"]]


def web(world: Path, folder: Path, per_shard: int = 4, copies: int = 1) -> Path:
    """Shards of pictures and texts without boxes."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = captions(world) * copies
    for first in range(0, len(pairs), per_shard):
        with tarfile.open(folder / f"{first // per_shard:05d}.tar", "w") as tar:
            for number, (name, caption) in enumerate(pairs[first : first + per_shard]):
                add(tar, f"{number:04d}.png", (world / "images/captions" / name).read_bytes())
                add(tar, f"{number:04d}.txt", caption.encode())
    return folder


def labelled(output: Path, teacher: Path, *words: str) -> Path:
    """Runs the command in this process."""
    given = [f"ckpt={teacher}", f"tokenizer.source={MINILM}", f"output={output}", *words]
    pseudo_label.pseudo_label(compose_settings(given, "pseudo_label"))
    return output


def contents(folder: Path) -> dict[str, bytes]:
    """All that is a result."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.suffix in (".tar", ".jsonl", ".json")
    }


def test_shards_are_packed_again_with_boxes(
    world: Path, tmp_path: Path, indexes: Path, finding: Path
) -> None:
    source = web(world, tmp_path / "web")
    output = labelled(tmp_path / "out", finding, f"source.shards={source}/*.tar")
    assert len(list(output.glob("*.tar"))) == 4
    reader = WebShards(f"{output}/*.tar")
    index = open_index(reader, indexes)
    texts = [caption for _, caption in captions(world)]
    report = json.loads((output / "report.json").read_text())
    assert report["captions"] == report["pictures"] == len(texts) == len(index)
    assert report["boxes"] == len(index.boxes.values) > len(texts)
    assert report["scores"][0]["boxes"] == report["boxes"]
    assert report["scores"][0]["precision"] is None
    assert (output / "labels.html").read_text().count("<figure>") == len(texts)
    assert [index.captions[row] for row in range(len(index))] == texts
    assert STORED < index.scores.values.min() < index.scores.values.max() < 1
    for row, (name, _) in enumerate(captions(world)):
        picture = (world / "images/captions" / name).read_bytes()
        assert reader.open_images().read(index.images[row]) == picture
        for phrase in index.phrases(row):
            assert index.captions[row][phrase[0][0] : phrase[0][1]].split()[-1].isalpha()


def test_an_interrupted_job_does_only_what_is_missing(
    world: Path, tmp_path: Path, finding: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"source.shards={web(world, tmp_path / 'web')}/*.tar"
    whole = contents(labelled(tmp_path / "whole", finding, words))
    calls: list[int] = []
    label = Labeller.shard

    def interrupted(self: Labeller, *given: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            (tmp_path / "out" / "00002.tmp").write_bytes(b"half of a shard")
            raise KeyboardInterrupt
        return label(self, *given)

    monkeypatch.setattr(Labeller, "shard", interrupted)
    with pytest.raises(KeyboardInterrupt):
        labelled(tmp_path / "out", finding, words)
    before = {
        name: (tmp_path / "out" / name).stat().st_mtime_ns for name in ("00000.tar", "00001.tar")
    }
    labelled(tmp_path / "out", finding, words)
    assert len(calls) == 3 + 2
    assert contents(tmp_path / "out") == whole
    for name, stamp in before.items():
        assert (tmp_path / "out" / name).stat().st_mtime_ns == stamp


def test_a_bad_picture_is_counted_and_named(
    world: Path, tmp_path: Path, indexes: Path, finding: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    entries: dict[str, Any] = {"images": [], "annotations": []}
    for number, (name, caption) in enumerate(captions(world)[:5]):
        (pictures / name).write_bytes((world / "images/captions" / name).read_bytes())
        entries["images"].append({"id": number, "file_name": name, "height": 96, "width": 96})
        entries["annotations"].append({"id": 10 + number, "image_id": number, "caption": caption})
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(entries))
    broken = pictures / captions(world)[2][0]
    broken.write_bytes(b"no picture")
    words = ["source=coco_captions", f"source.annotations={path}", f"source.images={pictures}"]
    output = labelled(tmp_path / "out", finding, *words, "shard_size=2")
    report = json.loads((output / "report.json").read_text())
    assert report["captions"] == 5
    assert report["pictures"] == 4
    assert len(report["bad"]) == 1 and broken.name in report["bad"][0]
    index = open_index(OdvgJsonl(output / "annotations.jsonl", pictures), indexes)
    assert [index.images[row] for row in range(len(index))] == [
        name for name, _ in captions(world)[:5] if name != broken.name
    ]
    same = open_index(MdetrJson(output / "annotations.json", pictures), indexes)
    assert [same.images[row] for row in range(4)] == [index.images[row] for row in range(4)]
    assert [same.captions[row] for row in range(4)] == [index.captions[row] for row in range(4)]
    assert [same.phrases(row) for row in range(4)] == [index.phrases(row) for row in range(4)]
    np.testing.assert_allclose(same.boxes.values, index.boxes.values, atol=2e-4)
    np.testing.assert_array_equal(same.targets.values, index.targets.values)
    np.testing.assert_array_equal(same.scores.values, index.scores.values)


def test_boxes_of_people_tell_how_right_a_teacher_is(
    world: Path, tmp_path: Path, finding: Path
) -> None:
    words = [f"source.annotations={world}/annotations/captions.json"]
    words += ["source=mdetr", f"source.images={world}/images/captions", "shard_size=5"]
    report = json.loads((labelled(tmp_path / "out", finding, *words) / "report.json").read_text())
    content = json.loads((world / "annotations/captions.json").read_text())
    least = report["scores"][0]
    assert 0 < least["precision"] < 0.5  # weights that find much and know nothing
    assert 0 < least["recall"] <= 1
    right = least["recall"] * len(content["annotations"])
    assert right == pytest.approx(round(right))
    assert report["scores"][-1]["precision"] is None


def test_the_mirrored_picture_has_a_say(world: Path, tmp_path: Path, finding: Path) -> None:
    words = f"source.shards={web(world, tmp_path / 'web', 16)}/*.tar"
    plain, twice = tmp_path / "plain", tmp_path / "twice"
    for folder, more in ((plain, []), (twice, ["mirror=true"])):
        labelled(folder, finding, words, *more)
    before, after = (json.loads((one / "report.json").read_text()) for one in (plain, twice))
    assert before["scores"] != after["scores"]
    assert after["boxes"] > 0
    assert after["captions"] == before["captions"]
    with pytest.raises(UserError, match="mirror"):
        labelled(twice, finding, words)


def test_captions_come_from_json_and_from_tables(
    world: Path, tmp_path: Path, indexes: Path
) -> None:
    pairs = captions(world)[:3]
    table = tmp_path / "captions.csv"
    lines = [f'{name},"{caption}"' for name, caption in pairs]
    table.write_text("\n".join(["file,caption", *lines]))
    index = open_index(CaptionTable(table, world / "images/captions"), indexes)
    assert [(index.images[row], index.captions[row]) for row in range(3)] == pairs
    assert index.sizes[0].tolist() == [96, 96]
    table.write_text("name,text\n")
    with pytest.raises(UserError, match="has no columns `file` and `caption`"):
        open_index(CaptionTable(table, world / "images/captions"), indexes)
    path = tmp_path / "captions.json"
    image = {"id": 1, "file_name": "a.png", "height": 9, "width": 9}
    texts = [{"id": 5, "image_id": 1, "caption": "a"}, {"id": 6, "image_id": 1, "caption": "b"}]
    path.write_text(json.dumps({"images": [image], "annotations": texts}))
    index = open_index(CocoCaptions(path, tmp_path), indexes)
    assert np.asarray(index.image_ids).tolist() == [5, 6]
    path.write_text(json.dumps({"images": [image], "annotations": [{"id": 5, "image_id": 2}]}))
    with pytest.raises(UserError, match="caption number 0 is malformed"):
        open_index(CocoCaptions(path, tmp_path), indexes)


def test_labels_of_two_teachers_are_not_mixed(
    world: Path, tmp_path: Path, finding: Path, checkpoint: Path, failing: Failing
) -> None:
    shards = f"source.shards={web(world, tmp_path / 'web', 16)}/*.tar"
    words = [shards, f"output={tmp_path}/out", f"tokenizer.source={MINILM}"]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "job.json").write_text(json.dumps({"weights": "of another"}))
    said = failing(pseudo_label.main, *words, f"ckpt={finding}")
    assert "holds labels of another job (it differs in: weights" in said


def test_labels_of_two_sources_are_not_mixed(
    world: Path, tmp_path: Path, finding: Path, failing: Failing
) -> None:
    tables = []
    for number in range(2):
        (name, caption), *_ = captions(world)[number:]
        tables.append(tmp_path / f"{number}.csv")
        tables[-1].write_text(f'file,caption\n{name},"{caption}"\n')
    words = ["source=table", f"source.images={world}/images/captions"]
    labelled(tmp_path / "out", finding, *words, f"source.annotations={tables[0]}")
    given = [*words, f"tokenizer.source={MINILM}", f"ckpt={finding}", f"output={tmp_path}/out"]
    said = failing(pseudo_label.main, *given, f"source.annotations={tables[1]}")
    assert "it differs in: captions" in said


def command(source: Path, output: Path, teacher: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "glip_pl.pseudo_label", f"source.shards={source}/*.tar"),
        *(f"ckpt={teacher}", f"tokenizer.source={MINILM}", f"output={output}"),
    ]


@pytest.mark.slow
def test_processes_share_the_shards(world: Path, tmp_path: Path, finding: Path) -> None:
    source = web(world, tmp_path / "web", per_shard=2, copies=8)
    one = [subprocess.Popen(command(source, tmp_path / "both", finding)) for _ in range(2)]
    assert [process.wait() for process in one] == [0, 0]
    subprocess.run(command(source, tmp_path / "alone", finding), check=True)
    assert contents(tmp_path / "both") == contents(tmp_path / "alone")
