"""The evaluator: prompts encoded once, figures of each set, and the mean of those that count."""

import dataclasses
from collections.abc import Iterator
from math import isnan, nan
from pathlib import Path

import pytest
import torch

from glip_pl.checkpoints.rebuilding import load_trained
from glip_pl.data.datamodule import GroundingDataModule
from glip_pl.inference.decoding import Decoder
from glip_pl.models.glip import GLIP
from glip_pl.running.build import build_data
from glip_pl.training.evaluation import Evaluation, Evaluator
from tests.conftest import SMALL, Compose


@pytest.fixture
def data(world: Path, settings: Compose) -> GroundingDataModule:
    return build_data(settings([*SMALL, f"data.root={world}"]), train=False)


@pytest.fixture
def model(finding: Path) -> Iterator[GLIP]:
    with torch.inference_mode():
        yield load_trained(finding).model


def evaluator_of(data: GroundingDataModule, retention: str | None = None) -> Evaluator:
    return Evaluator(
        {
            name: Evaluation(
                dataset.new_metric(),
                dataset.vocabulary,
                data.tokenizer,
                retention=name == retention,
            )
            for name, dataset in data.test.items()
        }
    )


def test_detections_count_for_the_set_of_their_loader(
    data: GroundingDataModule, model: GLIP
) -> None:
    evaluator = evaluator_of(data)
    for index, dataset in enumerate(data.test.values()):
        batch = data.collate([dataset[0], dataset[1]])
        detections = evaluator.step(model, Decoder(), batch, index)
        assert len(detections) == 2
    figures = evaluator.figures()
    assert set(figures) == {"seen", "rare", "unseen", "synonyms"}
    truth, table = evaluator.sets["rare"].metric.truth_and_detections()
    assert len(truth.image_ids) == 2
    assert len(table) > 0
    evaluator.reset()
    assert len(evaluator.sets["rare"].metric.truth_and_detections()[1]) == 0


def test_the_objects_of_an_image_that_cannot_be_read_count_as_missed(
    data: GroundingDataModule, model: GLIP, caplog: pytest.LogCaptureFixture
) -> None:
    evaluator = evaluator_of(data)
    seen = data.test["seen"]
    broken = dataclasses.replace(seen[1], unreadable="no such image: b.png")
    batch = data.collate([seen[0], broken])
    found, missed = evaluator.step(model, Decoder(), batch, 0)
    assert len(found) > 0 == len(missed)
    evaluator.figures()
    truth, table = evaluator.sets["seen"].metric.truth_and_detections()
    assert len(truth.image_ids) == 2
    assert set(table.images.tolist()) == {0}
    assert "seen: 1 of 2 images cannot be read" in caplog.text
    assert evaluator.any_unreadable
    evaluator.start()
    assert not evaluator.any_unreadable


def test_prompts_are_encoded_once_until_the_weights_change(
    data: GroundingDataModule, model: GLIP
) -> None:
    evaluator = evaluator_of(data)
    batch = data.collate([data.test["seen"][0]])
    evaluator.step(model, Decoder(), batch, 0)
    first = evaluator.questions["seen"]
    evaluator.step(model, Decoder(), batch, 0)
    assert evaluator.questions["seen"] is first
    evaluator.start()
    evaluator.step(model, Decoder(), batch, 0)
    assert evaluator.questions["seen"] is not first


def test_the_outputs_of_watched_images_are_kept_until_the_next_batch(
    data: GroundingDataModule, model: GLIP
) -> None:
    evaluator = evaluator_of(data)
    batch = data.collate([data.test["seen"][0], data.test["seen"][1]])
    evaluator.watched = 1
    (found, _) = evaluator.step(model, Decoder(), batch, 0)
    (kept,) = evaluator.outputs
    assert found.anchors is not None and len(found)
    phrase = int(found.phrase_ids[0])
    probability = kept.phrase_scores(phrase)[found.anchors[0]]
    score = (probability * kept.centerness()[found.anchors[0]]).sqrt()
    torch.testing.assert_close(score, found.scores[0])
    name = batch.prompts[0].phrase_text(phrase)
    assert [kept.words[word] for word in kept.words_of(found.phrase_ids[:1])] == name.split()
    evaluator.watched = 0
    evaluator.step(model, Decoder(), batch, 0)
    assert evaluator.outputs == []


def test_the_mean_leaves_out_retention_and_sets_without_ground_truth(
    data: GroundingDataModule,
) -> None:
    figures = {name: {"AP": ap} for name, ap in zip(data.test, (0.2, 0.4, nan, 0.9), strict=True)}
    assert evaluator_of(data, "synonyms").mean(figures) == pytest.approx(0.3)
    assert evaluator_of(data).mean(figures) == pytest.approx(0.5)
    nothing = {name: {"AP": nan} for name in figures}
    mean = evaluator_of(data).mean(nothing)
    assert mean is not None and isnan(mean)
    assert Evaluator({}).mean({}) is None


def test_foils_are_further_prompts_and_change_no_other_detection(
    world: Path, settings: Compose, model: GLIP
) -> None:
    words = [*SMALL, f"data.root={world}", "foils=[zebra,purple cow]"]
    asking = build_data(settings(words), train=False)
    plain = build_data(settings(words[:-1]), train=False)
    found = []
    for data in (plain, asking):
        dataset = data.test["seen"]
        evaluation = Evaluation(
            dataset.new_metric(),
            dataset.vocabulary,
            data.tokenizer,
            foil_prompts=dataset.foil_prompts,
        )
        evaluator = Evaluator({"seen": evaluation})
        evaluator.watched = 1
        batch = data.collate([dataset[0]])
        found += evaluator.step(model, Decoder(), batch, 0)
        assert len(evaluator.outputs) == 1
    without, asked = found
    count = len(plain.test["seen"].index.names)
    torch.testing.assert_close(asked.rows(asked.phrase_ids < count).boxes, without.boxes)
    assert int(asked.phrase_ids.max()) >= 2 * count  # an untrained model answers anything
