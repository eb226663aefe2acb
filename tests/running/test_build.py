"""Settings become the objects of a run."""

from pathlib import Path

import pytest
from pytorch_lightning.callbacks import LearningRateMonitor

from glip_pl.errors import UserError
from glip_pl.running.build import build_data, build_model, build_module, build_trainer, check_paths
from tests.conftest import SMALL, Compose


def test_absent_files_are_reported_with_their_setting(world: Path) -> None:
    here = {"reader": {"annotations": str(world / "annotations/seen.json")}}
    check_paths({"seen": here}, "data.val")
    absent = {"reader": {"annotations": "absent.json", "images": str(world)}}
    with pytest.raises(UserError, match=r"absent\.json .*`data\.val\.rare\.reader\.annotations`"):
        check_paths({"seen": here, "rare": absent}, "data.val")


def test_retention_sets_are_marked_and_named(world: Path, settings: Compose) -> None:
    words = [*SMALL, f"data.root={world}", "retention=shapes", "data.test.rare=null"]
    words.append(f"data.retention.shapes.reader={{_target_: {COCO}, {files(world)}}}")
    data = build_data(settings(words), train=True)
    assert list(data.val) == ["seen", "retention_shapes"]
    assert list(data.test) == ["seen", "unseen", "synonyms", "retention_shapes"]
    assert [dataset.retention for dataset in data.val.values()] == [False, True]
    assert list(build_data(settings(words), train=False).val) == []


def test_data_without_a_source_or_a_test_set_are_refused(settings: Compose) -> None:
    words = ["data.prepare=null", "data.val=null", "data.test=null"]
    with pytest.raises(UserError, match=r"data\.train has no source"):
        build_data(settings([*words, "data.train=null"]), train=True)
    with pytest.raises(UserError, match=r"data\.test has no set"):
        build_data(settings(words), train=False)


COCO = "glip_pl.data.formats.coco.CocoJson"


def files(world: Path) -> str:
    return f"annotations: '{world}/annotations/seen.json', images: '{world}/images/seen'"


def test_only_callbacks_that_show_something_without_training(settings: Compose) -> None:
    config = settings(["trainer=cpu"])
    built = {
        train: {type(callback).__name__ for callback in build_trainer(config, train).callbacks}  # type: ignore[attr-defined]  # set by a connector
        for train in (True, False)
    }
    ours = {"PartsTable", "LastCheckpoint", "MovingAverage", "BestCheckpoint", "Throughput"}
    assert ours | {"Pictures", "EvaluationProgress"} <= built[True]
    assert not ours & built[False]
    assert {"Pictures", "EvaluationProgress"} <= built[False]


def test_without_a_logger_nothing_waits_for_one(settings: Compose) -> None:
    for name, monitors in (("csv", 1), ("none", 0)):
        trainer = build_trainer(settings([*SMALL, "trainer=cpu", f"logger={name}"]), train=True)
        assert sum(isinstance(one, LearningRateMonitor) for one in trainer.callbacks) == monitors  # type: ignore[attr-defined]  # set by a connector


def test_a_model_takes_the_weights_of_a_checkpoint_that_fits(
    world: Path, settings: Compose, checkpoint: Path
) -> None:
    config = settings([*SMALL, f"data.root={world}"])
    model = build_model(config, checkpoint)
    module = build_module(config, model, build_data(config, train=True))
    assert list(module.val.sets) == ["seen"]
    assert list(module.test.sets) == ["seen", "rare", "unseen", "synonyms"]
    assert not any(evaluation.retention for evaluation in module.test.sets.values())
    with pytest.raises(UserError, match=r"do not fit this model; set model="):
        build_model(settings(["model.channels=64"]), checkpoint)


def test_foils_are_asked_of_test_sets_only_and_without_a_learned_prompt(
    world: Path, settings: Compose
) -> None:
    config = settings([*SMALL, f"data.root={world}", "foils=[zebra]"])
    data = build_data(config, train=True)
    assert all(dataset.foils == ("zebra",) for dataset in data.test.values())
    assert not any(dataset.foils for dataset in data.val.values())
    config = settings([*SMALL, f"data.root={world}", "foils=[zebra]", "model.prompts=1"])
    with pytest.raises(UserError, match="no words for the foils of seen"):
        build_module(config, build_model(config, None), data)
