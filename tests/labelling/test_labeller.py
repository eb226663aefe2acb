"""How a shard is labelled."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from glip_pl.data.formats.mdetr import MdetrJson
from glip_pl.data.formats.odvg import OdvgJsonl
from glip_pl.data.index import Index
from glip_pl.data.indexing import open_index
from glip_pl.data.picture_size import FramedPicture
from glip_pl.data.records import Images
from glip_pl.errors import UserError
from glip_pl.inference.predictor import Predictor
from glip_pl.labelling.labeller import STORED, Labeller, _count
from glip_pl.labelling.preparation import CaptionedPicture
from glip_pl.labelling.summary import LabelSummary
from glip_pl.prompts.noun_phrases import NounPhrases
from glip_pl.types import Detections, Prompt
from tests.labelling.small_jobs import labelled, web


@pytest.fixture
def source(world: Path, indexes: Path) -> tuple[Index, Images]:
    reader = MdetrJson(world / "annotations/captions.json", world / "images/captions")
    return open_index(reader, indexes), reader.open_images()


@pytest.fixture(scope="module")
def teacher(finding: Path) -> Predictor:
    return Predictor.load(finding, score_threshold=STORED**2)


def test_the_manifest_counts_what_the_shard_holds(
    source: tuple[Index, Images], teacher: Predictor, world: Path, tmp_path: Path, indexes: Path
) -> None:
    index, images = source
    labeller = Labeller(teacher, NounPhrases.load(), batch_size=3)
    manifest = labeller.shard(index, images, range(4, 8), tmp_path / "shard.jsonl")
    reader = OdvgJsonl(tmp_path / "shard.jsonl", world / "images/captions")
    labels = open_index(reader, indexes)
    assert manifest["captions"] == manifest["pictures"] == len(labels) == 4
    assert [labels.captions[row] for row in range(4)] == [
        index.captions[row] for row in range(4, 8)
    ]
    assert manifest["boxes"] == len(labels.boxes.values) == sum(manifest["quality"]["boxes"])
    assert manifest["quality"]["gold"] == sum(len(index.boxes[row]) for row in range(4, 8))
    assert manifest["phrases"] >= len(labels.spans)
    assert manifest["bad"] == []


def test_annotations_of_another_size_are_compared_in_pixels_of_the_picture(
    source: tuple[Index, Images],
) -> None:
    index, _ = source
    row = int(np.flatnonzero(index.boxes.lengths() > 0)[0])
    targets = torch.tensor(index.targets[row]).long()
    scores = torch.full((len(targets),), 0.9)
    twice = Detections(2 * torch.tensor(index.boxes[row]), scores, targets)
    prompt = Prompt(index.captions[row], index.phrases(row))
    record = CaptionedPicture(row, index.images[row], (96, 96), prompt)
    summary = LabelSummary()
    picture = FramedPicture(Image.new("RGB", (192, 192)), (96, 96), None)
    _count(summary, index, record, twice, picture)
    assert summary.quality.table()[0]["recall"] == 1.0


def test_another_model_rescores_the_boxes(
    source: tuple[Index, Images], teacher: Predictor, world: Path, tmp_path: Path, indexes: Path
) -> None:
    index, images = source

    def quarter(image: Image.Image, texts: Any, detections: Detections) -> torch.Tensor:
        assert image.size == (96, 96)
        assert len(texts) > int(detections.phrase_ids.max())
        return torch.full((len(detections),), 0.25)

    scores = []
    for name, scorer in (("alone", None), ("rescored", quarter)):
        labeller = Labeller(teacher, NounPhrases.load(), scorer=scorer)
        path = tmp_path / f"{name}.jsonl"
        labeller.shard(index, images, range(1), path)
        reader = OdvgJsonl(path, world / "images/captions")
        scores.append(np.sort(open_index(reader, indexes).scores[0])[::-1])
    alone, rescored = scores
    expected = np.sqrt(alone * 0.25)
    np.testing.assert_allclose(rescored, expected[expected > STORED], atol=2e-4)


def test_the_scores_are_averaged_with_those_of_the_mirrored_picture(
    world: Path, tmp_path: Path, tiny_finding: Path
) -> None:
    source = f"source.shards={web(world, tmp_path / 'web', 16)}/*.tar"
    alone, mirrored = tmp_path / "alone", tmp_path / "mirrored"
    labelled(alone, tiny_finding, source)
    labelled(mirrored, tiny_finding, source, "mirror=true")
    before, after = (
        json.loads((folder / "report.json").read_text()) for folder in (alone, mirrored)
    )
    assert before["scores"] != after["scores"]
    assert after["boxes"] > 0
    assert after["captions"] == before["captions"]
    with pytest.raises(UserError, match="mirror"):
        labelled(mirrored, tiny_finding, source)


def test_annotations_measure_how_good_a_teacher_is(
    world: Path, tmp_path: Path, finding: Path
) -> None:
    annotations = world / "annotations/captions.json"
    source = ["source=mdetr", f"source.annotations={annotations}"]
    source += [f"source.images={world}/images/captions", "shard_size=5"]
    report = json.loads((labelled(tmp_path / "out", finding, *source) / "report.json").read_text())
    lowest = report["scores"][0]
    assert 0 < lowest["precision"] < 0.5  # these weights detect much and recognise nothing
    assert 0 < lowest["recall"] <= 1
    boxes = len(json.loads(annotations.read_text())["annotations"])
    correct = lowest["recall"] * boxes
    assert correct == pytest.approx(round(correct))
    assert report["scores"][-1]["precision"] is None
