"""The command that labels captions: its files, and what it refuses."""

import json
import subprocess
from pathlib import Path

import pytest

from glip_pl import pseudo_label
from glip_pl.data.formats.web_shards import WebShards
from glip_pl.data.indexing import open_index
from glip_pl.labelling.labeller import STORED
from tests.conftest import Failing
from tests.labelling.small_jobs import captions, command, job_settings, labelled, results, web


def test_shards_are_written_again_with_boxes(
    world: Path, tmp_path: Path, indexes: Path, tiny_finding: Path
) -> None:
    source = web(world, tmp_path / "web")
    output = labelled(tmp_path / "out", tiny_finding, f"source.shards={source}/*.tar")
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


def test_labels_of_two_teachers_are_not_mixed(
    world: Path, tmp_path: Path, tiny_finding: Path, failing: Failing
) -> None:
    shards = f"source.shards={web(world, tmp_path / 'web', 16)}/*.tar"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "job.json").write_text(json.dumps({"weights": "of another"}))
    message = failing(pseudo_label.main, *job_settings(tmp_path / "out", tiny_finding, shards))
    assert "belongs to another job, which differs in: weights" in message
    assert "Set output=" in message


def test_labels_of_two_sources_are_not_mixed(
    world: Path, tmp_path: Path, tiny_finding: Path, failing: Failing
) -> None:
    tables = []
    for number in range(2):
        (name, caption), *_ = captions(world)[number:]
        tables.append(tmp_path / f"{number}.csv")
        tables[-1].write_text(f'file,caption\n{name},"{caption}"\n')
    source = ["source=table", f"source.images={world}/images/captions"]
    output = tmp_path / "out"
    labelled(output, tiny_finding, *source, f"source.annotations={tables[0]}")
    overrides = job_settings(output, tiny_finding, *source, f"source.annotations={tables[1]}")
    assert "differs in: captions" in failing(pseudo_label.main, *overrides)


@pytest.mark.slow
def test_processes_share_the_shards(world: Path, tmp_path: Path, tiny_finding: Path) -> None:
    source = web(world, tmp_path / "web", per_shard=2, copies=8)
    both = [subprocess.Popen(command(source, tmp_path / "both", tiny_finding)) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    subprocess.run(command(source, tmp_path / "alone", tiny_finding), check=True)
    assert results(tmp_path / "both") == results(tmp_path / "alone")
